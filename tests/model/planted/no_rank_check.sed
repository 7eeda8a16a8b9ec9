# sendrec goes to any rank.
# File: kernel/core/ipc.c
# Scene: ipc
s/if (q->rank >= p->rank)/if (false)/

# sendrec goes to any rank.
# File: kernel/core/ipc.c
s/if (q->rank >= p->rank)/if (false)/

# A receiver that got its message is not made ready.
# File: kernel/core/ipc.c
# Scene: stop
/^static void received/,/^}/s/if (p->state == 0)/if (false)/

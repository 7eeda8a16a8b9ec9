# A recovered service is still in the call it had made.
# File: kernel/call/proc_recover.c
# Scene: ipc
/call_withdraw(p);/d
s/p->state = 0;/p->state \&= (uint16_t)~STATE_FROZEN;/

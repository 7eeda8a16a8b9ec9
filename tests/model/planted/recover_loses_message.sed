# A recovered service does not get again the message that it had not seen.
# File: kernel/call/proc_recover.c
# Scene: ipc
/message_unread(p);/d

# A receive that takes a call forgets the notifications it did not deliver.
# File: kernel/core/ipc.c
# Scene: ipc
s/^\t\ttake_call(p, c);/\t\ttake_call(p, c), p->priv->services = 0;/

# A reply is taken for whatever call the client is in now.
# File: kernel/core/ipc.c
# Scene: stop
s/ || c->serial != serial//

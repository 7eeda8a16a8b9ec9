# A destroyed space leaves its root a table.
# File: kernel/call/space_destroy.c
# Scene: memory
s/frame_retype(f, FRAME_TABLE, FRAME_FREE);//

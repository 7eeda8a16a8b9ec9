# A frame that is a page table may be mapped.
# File: kernel/core/frame.c
# Scene: memory
s/return type == FRAME_FREE ||/return type == FRAME_TABLE || type == FRAME_FREE ||/
s/kassert(frames\[pfn\].type == FRAME_FREE || frames\[pfn\].type == FRAME_USER);//

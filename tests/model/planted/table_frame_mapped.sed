# A frame that is a page table may be mapped.
# File: kernel/core/frame.c
# Scene: memory
s/if (frames\[f\].type != FRAME_FREE \&\& frames\[f\].type != FRAME_USER)/if (frames[f].type == FRAME_KERNEL)/
s/kassert(frames\[pfn\].type == FRAME_FREE || frames\[pfn\].type == FRAME_USER);//

# A spare frame that has just become a table is mapped, too.
# File: kernel/call/call.c
# Scene: memory
s/if (!frames_mappable(pfn, 1, flags))/if (false)/

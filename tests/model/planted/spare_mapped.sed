# A spare frame that has just become a table is mapped, too.
# File: kernel/call/space_map.c
# Scene: memory
s/if (!(flags \& MAP_MMIO) \&\& !frames_mappable(run->pfn + i, 1))/if (false)/

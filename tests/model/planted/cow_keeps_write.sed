# Copy-on-write leaves the parent its write permission.
# File: kernel/call/space_share.c
# Scene: memory
s/^\t\*from = pte_make(pfn, flags);//

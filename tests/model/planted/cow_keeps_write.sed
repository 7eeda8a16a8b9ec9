# Copy-on-write leaves the parent its write permission.
# File: kernel/call/space_share.c
# Scene: memory
s/\*from = pte_make(pte_pfn(\*from), flags);/;/

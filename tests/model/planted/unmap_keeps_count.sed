# Unmapping does not count a mapping less.
# File: kernel/core/frame.c
# Scene: memory
s/if (--f->maps > 0/if (f->maps > 1/

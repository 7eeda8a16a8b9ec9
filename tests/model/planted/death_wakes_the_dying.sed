# A dying server is still a receiver while its callers are woken.
# File: kernel/core/proc.c
# Scene: stop
/^\tp->state = STATE_NEW;/d
/^\tp->ep = ENDPOINT_NONE;/d
s/^\tp->stop = 0;/\tp->state = STATE_NEW;\n\tp->ep = ENDPOINT_NONE;\n\tp->stop = 0;/

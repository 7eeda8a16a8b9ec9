# A delegated grant is good as long as the client lives.
# File: kernel/call/grant_copy.c
# Scene: ipc
s/whose = call_held(whose, g->client, g->serial);/whose = proc_find(g->client);/

/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The outer event loops of the example `embed`. Each runs until SIGINT, SIGTERM or a time-out. */
#ifndef EMBED_H
#define EMBED_H

struct bpfring_loop;

/* Both return 0 or a negative errno value. seconds 0: no time-out. */
int embed_epoll(struct bpfring_loop *rings, unsigned int seconds);
int embed_sd_event(struct bpfring_loop *rings, unsigned int seconds);

#endif /* EMBED_H */

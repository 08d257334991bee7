/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The manager: libbpf's struct ring_buffer.
 *
 * Two things wait for its rings. One is an epoll on the maps, registered as libbpf does it, which
 * says what libbpf's poll would have found: it is behind ring_buffer__epoll_fd(), poll(0) and
 * time-outs. The other is a loop of libbpfring, which makes ring_buffer__poll() wait in windows;
 * see windows.c. A program that asked for the epoll's descriptor waits by itself, and there is no
 * loop any more.
 */
#ifndef COMPAT_RING_BUFFER_H
#define COMPAT_RING_BUFFER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "libbpf_rings.h"
#include "ring.h"
#include "signals.h"

struct bpfring_loop;

struct ring_buffer {
	const char *mark; /* &ours */
	int epoll_fd;
	unsigned int count;
	struct ring **rings;
	struct epoll_event *events; /* count of them, and one for the timer of busy.c */

	bool windows;		   /* poll may wait in windows */
	struct bpfring_loop *loop; /* NULL: none yet, or not any more */
	struct ring *handing;	   /* the last ring that the loop handed a record of */
	struct signals signals;	   /* held while the loop waits */

	int busy_timer; /* -1: none yet */
	int64_t busy_tick;

	unsigned int calls; /* of functions that call back, under way, also in other threads */
	uintptr_t frame;    /* of the outermost of them, on the stack of */
	pthread_t thread;
	bool freed;			 /* by a callback */
	struct ring_buffer *next, *prev; /* for the report */
};

/*
 * A call that may run callbacks, one of which may free the manager. Used as
 *
 *	struct call call __attribute__((cleanup(ring_buffer_leave))) = ring_buffer_enter(rb);
 */
struct call {
	struct ring_buffer *rb;
};

struct call ring_buffer_enter(struct ring_buffer *rb);
void ring_buffer_leave(struct call *call);

/* 0 or -errno: ring_attach() for all rings, and the loop. */
int ring_buffer_attach(struct ring_buffer *rb);

/* The ring of the event at @i in what the epoll reported; NULL: it is the timer of busy.c. */
struct ring *ring_buffer_reported(const struct ring_buffer *rb, int i);

/*
 * Watches the ring for @events from now on, and makes the epoll report it if there is something
 * already. 0 or -errno.
 */
int ring_buffer_watch(struct ring *r, uint32_t events);

/* What libbpf returns for that, and errno if it is negative. */
int ring_buffer_result(int64_t result);

/*
 * Waits in windows, for no longer than @timeout_ms (-1: for ever), and hands over what it finds.
 * Number of records, 0: time is up, or an error. *@cannot: there are rings that only libbpf's way
 * of waiting can serve now; nothing was done.
 */
int64_t windows_poll(struct ring_buffer *rb, int timeout_ms, bool *cannot);

/* Ends waiting in windows: from now on the published positions are true after each call. */
void windows_end(struct ring_buffer *rb);
void windows_free(struct ring_buffer *rb);

/* In a forked child: a loop of its own in place of its parent's. */
int windows_attach(struct ring_buffer *rb);

/* Event data of the timer for busy heads, in place of a ring's index. */
#define BUSY_TIMER UINT32_MAX

/* After a turn of drains: rings whose head is busy do not keep the epoll readable. */
void busy_settle(struct ring_buffer *rb);
void busy_close(struct ring_buffer *rb);

#endif /* COMPAT_RING_BUFFER_H */

/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What the scheduler of the scx_hints example, its helper process and the threads share. */
#ifndef SCX_HINTS_H
#define SCX_HINTS_H

#define SCX_HINTS_NAME "bpfring_hints"

/* After this many hinted threads in a row, an unhinted one that waits gets its turn on that CPU. */
#define SCX_HINTS_ROW 16

#define SCX_HINTS_MIN_SLICE 1000   /* microseconds */
#define SCX_HINTS_MAX_SLICE 100000 /* far below the watchdog's limit */

/* ---- Memory of each thread that publishes hints ---- */

enum scx_hints_phase {
	SCX_HINTS_PLAIN = 0,
	SCX_HINTS_URGENT = 1, /* another thread waits for this one, or it holds a lock */
};

struct scx_hints_cell {
	unsigned long long phase;  /* written by the thread */
	unsigned long long load;   /* by the scheduler: which one, counted from 1, ran it last, */
	unsigned long long turns;  /* how often it ran after it had waited in phase URGENT, */
	unsigned long long passed; /* and how many unhinted threads ran while it waited */
};

/* ---- Commands, through the user ring ---- */

enum scx_hints_op {
	SCX_HINTS_COUNTS, /* does nothing: every answer has the counts */
	SCX_HINTS_SLICE,  /* value: microseconds */
	SCX_HINTS_POLICY, /* value: 0: hints are not looked at, 1: they are */
	SCX_HINTS_EJECT,  /* fail with scx_bpf_error() */
	SCX_HINTS_STALL,  /* run hinted threads no longer, until the watchdog notices */
	SCX_HINTS_OPS,
};

struct scx_hints_command {
	unsigned int id; /* comes back with the answer */
	unsigned int op;
	unsigned long long value;
};

/* ---- Events, through the kernel ring ---- */

enum scx_hints_event_type {
	SCX_HINTS_ANSWER = 1,
	SCX_HINTS_EXIT = 2,
};

/* A thread is hinted here if it was in phase URGENT when it was put into a queue. */
struct scx_hints_counts {
	unsigned long long hinted;   /* taken from the queue of hinted threads, */
	unsigned long long first;    /* those of them that were while unhinted ones waited */
	unsigned long long kept;     /* went on at the end of their slice for being hinted */
	unsigned long long plain;    /* taken from the queue of all others, */
	unsigned long long row;	     /* those of them that were by the rule of SCX_HINTS_ROW, and */
	unsigned long long inverted; /* without any reason, while a hinted one waited: none */
	unsigned long long turns;    /* waits of threads in phase URGENT that are over, */
	unsigned long long passed;   /* and unhinted threads that began to run during them */
	unsigned long long started;  /* unhinted threads that began to run, */
	unsigned long long ticks;    /* and timer ticks while they did */
};

struct scx_hints_answer {
	unsigned int type; /* SCX_HINTS_ANSWER */
	unsigned int id;
	unsigned int op;
	int error; /* 0 or a negative errno value */
	struct scx_hints_counts counts;
};

struct scx_hints_exit {
	unsigned int type; /* SCX_HINTS_EXIT */
	unsigned int kind; /* enum scx_exit_kind of the kernel */
	long long code;
	char reason[64];
	char message[256];
};

#endif /* SCX_HINTS_H */

// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * test_unload LIBRARY: libbpfring.so goes with dlclose(), unless task storage was in use: then
 * threads run its code when they end.
 */
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <bpfring/bpfring.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task_test.h"
#include "task_test.skel.h"

static void *library;

/* FUNCTION of the library that is loaded now, under its own name. */
#define FROM_LIBRARY(function) \
	__typeof__(function) *const own_##function = (__typeof__(function) *)find(#function)

static void *find(const char *name)
{
	void *function = dlsym(library, name);

	if (!function) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return function;
}

static bool is_loaded(const char *path)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	const char *name = strrchr(path, '/');
	char line[512];
	bool found = false;

	while (maps && fgets(line, sizeof(line), maps))
		found |= strstr(line, name ? name : path) != NULL;
	if (maps)
		fclose(maps);
	return found;
}

static void use_rings(void)
{
	FROM_LIBRARY(bpfring_consumer_open);
	FROM_LIBRARY(bpfring_producer_open);
	FROM_LIBRARY(bpfring_set_log);
	FROM_LIBRARY(bpfring_loop_new);
	FROM_LIBRARY(bpfring_loop_poll);
	FROM_LIBRARY(bpfring_loop_free);
	struct bpfring_consumer *c;
	struct bpfring_producer *p;
	struct bpfring_loop *l;

	own_bpfring_set_log(NULL);
	if (own_bpfring_consumer_open(&c, -1, NULL) != -EBADF ||
	    own_bpfring_producer_open(&p, -1, NULL) != -EBADF || own_bpfring_loop_new(&l, NULL) ||
	    own_bpfring_loop_poll(l, 0)) {
		fprintf(stderr, "the library does not work\n");
		exit(1);
	}
	own_bpfring_loop_free(l);
}

static struct task_test_bpf *load(void)
{
	FROM_LIBRARY(bpfring_task_storage_prepare);
	struct task_test_bpf *skel = task_test_bpf__open();

	if (skel && own_bpfring_task_storage_prepare(skel->obj, "store", NULL) > 0 &&
	    !task_test_bpf__load(skel))
		return skel;
	task_test_bpf__destroy(skel);
	return NULL;
}

static pthread_barrier_t barrier;

static void *bind_and_end(void *ts)
{
	FROM_LIBRARY(bpfring_task_storage_find);
	FROM_LIBRARY(bpfring_task_storage_bind);
	int cell = own_bpfring_task_storage_find(ts, "cell", sizeof(struct task_cell_test));
	void *mem;

	if (own_bpfring_task_storage_bind(ts, cell, &mem)) {
		fprintf(stderr, "cannot bind\n");
		exit(1);
	}
	pthread_barrier_wait(&barrier); /* bound */
	pthread_barrier_wait(&barrier); /* dlclose() */
	return NULL;
}

static void use_task_storage(struct task_test_bpf *skel)
{
	FROM_LIBRARY(bpfring_task_storage_open_object);
	struct bpfring_task_storage *ts;
	pthread_t thread;

	if (own_bpfring_task_storage_open_object(&ts, skel->obj, "store", NULL)) {
		fprintf(stderr, "cannot open\n");
		exit(1);
	}
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, bind_and_end, ts);
	pthread_barrier_wait(&barrier);
	dlclose(library);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
}

static int check(bool good, const char *what)
{
	printf("%s: %s\n", good ? "ok" : "FAILED", what);
	return good ? 0 : 1;
}

static void *load_library(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!handle) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return handle;
}

int main(int argc, char **argv)
{
	struct task_test_bpf *skel;
	int failed = 0;

	if (argc != 2)
		return 2;
	library = load_library(argv[1]);
	use_rings();
	dlclose(library);
	failed += check(!is_loaded(argv[1]), "it goes after rings were used");
	library = load_library(argv[1]);
	skel = load();
	if (!skel) {
		printf("skipped: task storage cannot be used here\n");
		return failed ? 1 : 77;
	}
	use_task_storage(skel);
	failed += check(is_loaded(argv[1]), "it stays after task storage was used");
	task_test_bpf__destroy(skel);
	return failed ? 1 : 0;
}

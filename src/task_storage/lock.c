// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The lock of all task storage handles of the process. */
#include "task_storage/task_storage.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int cancel_state; /* of the thread that has the lock */

/* close() and others are cancellation points, and a cancelled thread would keep the lock. */
void bpfring_task_lock(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	pthread_mutex_lock(&lock);
	cancel_state = state;
}

void bpfring_task_unlock(void)
{
	int state = cancel_state;

	pthread_mutex_unlock(&lock);
	pthread_setcancelstate(state, NULL);
}

// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Names of the errors that the library returns. */
#include <bpfring/common.h>
#include <errno.h>

#define NAME(e) \
	case e: \
		return "-" #e

const char *bpfring_errname(int err)
{
	switch (err < 0 ? 0U - (unsigned int)err : (unsigned int)err) {
	case 0:
		return "0";
		NAME(E2BIG);
		NAME(EACCES);
		NAME(EAGAIN);
		NAME(EBADF);
		NAME(EBADMSG);
		NAME(EBUSY);
		NAME(ECANCELED);
		NAME(ECHILD);
		NAME(EEXIST);
		NAME(EFAULT);
		NAME(EINPROGRESS);
		NAME(EINTR);
		NAME(EINVAL);
		NAME(EIO);
		NAME(EISDIR);
		NAME(ELOOP);
		NAME(EMFILE);
		NAME(ENAMETOOLONG);
		NAME(ENFILE);
		NAME(ENODATA);
		NAME(ENODEV);
		NAME(ENOENT);
		NAME(ENOLINK);
		NAME(ENOMEM);
		NAME(ENOSPC);
		NAME(ENOSYS);
		NAME(ENOTDIR);
		NAME(EOPNOTSUPP);
		NAME(EOVERFLOW);
		NAME(EPERM);
		NAME(ERANGE);
		NAME(ESRCH);
		NAME(ETIMEDOUT);
	case 524: /* the kernel's own ENOTSUPP, which has no name in user space */
		return "-ENOTSUPP";
	default:
		return "-E?";
	}
}

// Shared by the C files only.
#ifndef INTERNAL_H
#define INTERNAL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <sys/resource.h>

#include "CExecutorPlatform.h"

// The limit of open files as it was before `platform_prepare` raised it; children get it back, since programs that use select depend on it.
extern struct rlimit platform_child_files;

#endif

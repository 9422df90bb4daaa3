// New files, for the C files that make them.
#ifndef PLACING_H
#define PLACING_H

#include "internal.h"

#define PATH(path) ((const char *)(path))
#define CHECKED(call) ((call) < 0 ? -errno : 0)
enum { TEMPORARY_NAME = 25 };

// A name `.portal-…` that nobody else has.
void platform_temporary_name(char name[TEMPORARY_NAME]);
// Creates a file in `directory`, which stays the caller's.
int32_t platform_new_file_create(struct platform_new_file *file);
// Removes a file that was not placed, and closes it; not its directory.
void platform_new_file_drop(struct platform_new_file *file);
// Puts it in place; -EEXIST where something is there that is not to be replaced.
int32_t platform_new_file_place(struct platform_new_file *file, const uint8_t *name, int32_t replace);
// Writes its content into the file that is there already, which is not atomic: `touched` says whether that began.
int32_t platform_new_file_pour(const struct platform_new_file *file, const uint8_t *name, int32_t sync, int *touched);
int32_t platform_rename_new_at(int from_directory, const char *from, int to_directory, const char *to);
// Copies what two descriptors have between two positions; stops at the end of the first.
struct platform_copy;
int32_t platform_copy_bytes(int from, int to, int64_t position, int64_t end, struct platform_copy *copy);

#endif

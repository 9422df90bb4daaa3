// The part of a file that an earlier transfer brought, under a name that the next one finds.
#include "internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "placing.h"

int32_t platform_new_file_part(const uint8_t *directory, const uint8_t *part, uint64_t offset, struct platform_new_file *file) {
    file->descriptor = -1;
    file->name[0] = 0;
    char name[sizeof file->name];
    if (strlen(PATH(part)) + 14 > sizeof name) return -ENAMETOOLONG;
    stpcpy(stpcpy(name, ".portal-part-"), PATH(part));
    file->directory = open(PATH(directory), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (file->directory < 0) return -errno;
    int descriptor = openat(file->directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (descriptor < 0) return -errno;
    int32_t result = 0;
    struct stat opened, named;
    if (fstat(descriptor, &opened) < 0) {
        result = -errno;
    } else if (!S_ISREG(opened.st_mode) || opened.st_uid != geteuid() || opened.st_nlink > 1 || opened.st_mode & 077) {
        // Somebody else made it, who could read it or change it later.
        result = -EPERM;
    } else if (flock(descriptor, LOCK_EX | LOCK_NB) < 0 || fstatat(file->directory, name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
               named.st_ino != opened.st_ino || named.st_dev != opened.st_dev) {
        // Another transfer writes it, or has just put it in place: then this is the finished file, not to be touched.
        result = PLATFORM_PART_BUSY;
    } else if (fstat(descriptor, &opened) < 0) {
        result = -errno;
    } else if ((uint64_t)opened.st_size < offset) {
        result = PLATFORM_PART_SHORT;
    } else if (ftruncate(descriptor, (off_t)offset) < 0) {
        result = -errno;
    }
    if (result != 0) {
        close(descriptor);
        return result;
    }
    file->descriptor = descriptor;
    memcpy(file->name, name, sizeof name);
    return 0;
}

void platform_new_file_leave(struct platform_new_file *file) { file->name[0] = 0; }

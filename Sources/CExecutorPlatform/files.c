// Files and directories.
#include "internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>  // rename
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "placing.h"

int32_t platform_open(const uint8_t *path, uint32_t flags, uint32_t mode) {
    int raw = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    raw |= flags & PLATFORM_OPEN_CREATE ? O_WRONLY | O_CREAT | O_EXCL : O_RDONLY;
    if (flags & PLATFORM_OPEN_DIRECTORY) raw |= O_DIRECTORY;
    int descriptor;
    do descriptor = open(PATH(path), raw, (mode_t)mode);
    while (descriptor < 0 && errno == EINTR);
    return descriptor < 0 ? -errno : descriptor;
}

void platform_close(int32_t descriptor) { close(descriptor); }

int32_t platform_set_nonblocking(int32_t descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -errno : CHECKED(fcntl(descriptor, F_SETFL, flags | O_NONBLOCK));
}

int64_t platform_read(int32_t descriptor, void *buffer, size_t count) {
    ssize_t taken;
    do taken = read(descriptor, buffer, count);
    while (taken < 0 && errno == EINTR);
    return taken < 0 ? -errno : taken;
}

int64_t platform_write(int32_t descriptor, const void *buffer, size_t count) {
    ssize_t taken;
    do taken = write(descriptor, buffer, count);
    while (taken < 0 && errno == EINTR);
    return taken < 0 ? -errno : taken;
}

int32_t platform_seek(int32_t descriptor, uint64_t offset) { return lseek(descriptor, (off_t)offset, SEEK_SET) < 0 ? -errno : 0; }

int64_t platform_pending(int32_t descriptor) {
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) < 0 ? -errno : count;
}

static void fill(const struct stat *raw, struct platform_status *status) {
    status->size = (uint64_t)raw->st_size;
    status->device = (uint64_t)raw->st_dev;
    status->inode = (uint64_t)raw->st_ino;
    status->links = (uint64_t)raw->st_nlink;
    status->modified = (int64_t)raw->st_mtim.tv_sec * 1000000000 + raw->st_mtim.tv_nsec;
    status->changed = (int64_t)raw->st_ctim.tv_sec * 1000000000 + raw->st_ctim.tv_nsec;
    status->mode = raw->st_mode & 07777;
    status->user = raw->st_uid;
    status->group = raw->st_gid;
    switch (raw->st_mode & S_IFMT) {
    case S_IFREG: status->kind = 0; break;
    case S_IFDIR: status->kind = 1; break;
    case S_IFLNK: status->kind = 2; break;
    case S_IFIFO: status->kind = 3; break;
    case S_IFSOCK: status->kind = 4; break;
    case S_IFCHR: status->kind = 5; break;
    case S_IFBLK: status->kind = 6; break;
    default: status->kind = 7; break;
    }
}

int32_t platform_status_same(const struct platform_status *one, const struct platform_status *other) {
    return one->device == other->device && one->inode == other->inode && one->size == other->size && one->modified == other->modified &&
        one->changed == other->changed;
}

int32_t platform_stat(const uint8_t *path, int32_t follow, struct platform_status *status) {
    struct stat raw;
    if ((follow ? stat(PATH(path), &raw) : lstat(PATH(path), &raw)) < 0) return -errno;
    fill(&raw, status);
    return 0;
}

int32_t platform_stat_descriptor(int32_t descriptor, struct platform_status *status) {
    struct stat raw;
    if (fstat(descriptor, &raw) < 0) return -errno;
    fill(&raw, status);
    return 0;
}

int64_t platform_read_link(const uint8_t *path, uint8_t *buffer, size_t capacity) {
    ssize_t count = readlink(PATH(path), (char *)buffer, capacity);
    return count < 0 ? -errno : count;
}

int32_t platform_set_mode(int32_t descriptor, uint32_t mode) { return CHECKED(fchmod(descriptor, (mode_t)mode)); }
int32_t platform_set_path_mode(const uint8_t *path, uint32_t mode) { return CHECKED(chmod(PATH(path), (mode_t)mode)); }
int32_t platform_sync(int32_t descriptor) { return CHECKED(fsync(descriptor)); }
int32_t platform_make_directory(const uint8_t *path, uint32_t mode) { return CHECKED(mkdir(PATH(path), (mode_t)mode)); }
int32_t platform_unlink(const uint8_t *path) { return CHECKED(unlink(PATH(path))); }
int32_t platform_remove_directory(const uint8_t *path) { return CHECKED(rmdir(PATH(path))); }
int32_t platform_rename(const uint8_t *from, const uint8_t *to) { return CHECKED(rename(PATH(from), PATH(to))); }

int32_t platform_rename_new(const uint8_t *from, const uint8_t *to) {
    return platform_rename_new_at(AT_FDCWD, PATH(from), AT_FDCWD, PATH(to));
}

int32_t platform_link(const uint8_t *target, const uint8_t *path, int32_t symbolic) {
    // A hard link to a symbolic link is one more name of the link.
    return CHECKED(symbolic ? symlink(PATH(target), PATH(path)) : link(PATH(target), PATH(path)));
}

int32_t platform_change_mode(const uint8_t *path, uint32_t mode, int32_t follow) {
    if (follow) return platform_set_path_mode(path, mode);
    // Kernels before 6.6 cannot do that to a path; they can to what is opened as a place only.
    int place = open(PATH(path), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (place < 0) return -errno;
    struct stat status;
    int32_t result = CHECKED(fstat(place, &status));
    if (result == 0 && S_ISLNK(status.st_mode)) result = -EOPNOTSUPP;
    if (result == 0) {
        char name[40];
        platform_number_path(name, "/proc/self/fd/", (unsigned long)place, "");
        result = platform_set_path_mode((const uint8_t *)name, mode);
    }
    close(place);
    return result;
}

static struct timespec time_of(int64_t nanoseconds) {
    int64_t seconds = nanoseconds / 1000000000, rest = nanoseconds % 1000000000;
    if (nanoseconds == INT64_MIN) return (struct timespec){.tv_nsec = UTIME_OMIT};
    if (rest < 0) {
        rest += 1000000000;
        seconds--;
    }
    return (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)rest};
}

int32_t platform_set_times(const uint8_t *path, int64_t accessed, int64_t modified, int32_t follow) {
    struct timespec times[2] = {time_of(accessed), time_of(modified)};
    return CHECKED(utimensat(AT_FDCWD, PATH(path), times, follow ? 0 : AT_SYMLINK_NOFOLLOW));
}

int32_t platform_is_binary(int32_t descriptor) {
    uint8_t start[8192];
    ssize_t count = pread(descriptor, start, sizeof start, 0);
    return count > 0 && memchr(start, 0, (size_t)count) != NULL;
}

struct platform_directory *platform_directory_open(const uint8_t *path, int32_t *error) {
    DIR *directory = opendir(PATH(path));
    if (!directory) *error = -errno;
    return (struct platform_directory *)directory;
}

int32_t platform_directory_next(struct platform_directory *directory, uint8_t *name, size_t capacity) {
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir((DIR *)directory);
        if (!entry) return -errno;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        size_t length = strlen(entry->d_name);
        if (length + 1 > capacity) return -ENAMETOOLONG;
        memcpy(name, entry->d_name, length + 1);
        return (int32_t)length;
    }
}

int32_t platform_directory_stat(struct platform_directory *directory, const uint8_t *name, struct platform_status *status) {
    struct stat raw;
    if (fstatat(dirfd((DIR *)directory), PATH(name), &raw, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    fill(&raw, status);
    return 0;
}

int64_t platform_directory_read_link(struct platform_directory *directory, const uint8_t *name, uint8_t *buffer, size_t capacity) {
    ssize_t count = readlinkat(dirfd((DIR *)directory), PATH(name), (char *)buffer, capacity);
    return count < 0 ? -errno : count;
}

void platform_directory_close(struct platform_directory *directory) { closedir((DIR *)directory); }

// One directory is open at a time and the way back up is `..`, checked to be where the walk came from: any depth is removed with two
// descriptors and no stack.
struct level {
    struct level *above;
    dev_t device;
    ino_t inode;
    char name[];
};

static int open_directory(int at, const char *name) {
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static void copy_name(uint8_t *buffer, size_t capacity, const char *name) {
    size_t length = strlen(name);
    if (length >= capacity) length = capacity - 1;
    memcpy(buffer, name, length);
    buffer[length] = 0;
}

static int32_t remove_entries(int *current, struct level **levels, const int32_t *cancelled, uint8_t *failed, size_t capacity) {
    for (;;) {
        int copy = open_directory(*current, ".");
        DIR *directory = copy < 0 ? NULL : fdopendir(copy);
        if (!directory) {
            int error = errno;
            if (copy >= 0) close(copy);
            return -error;
        }
        int32_t result = 0;
        int descended = 0;
        struct dirent *entry;
        while (!descended && result == 0) {
            errno = 0;
            entry = readdir(directory);
            if (!entry) {
                result = -errno;
                break;
            }
            const char *name = entry->d_name;
            if (!strcmp(name, ".") || !strcmp(name, "..")) continue;
            if (platform_flag_read(cancelled)) {
                result = -ECANCELED;
                break;
            }
            if (unlinkat(*current, name, 0) == 0 || errno == ENOENT) continue;
            int error = errno;
            if (error == EISDIR || error == EPERM) {
                if (unlinkat(*current, name, AT_REMOVEDIR) == 0 || errno == ENOENT) continue;
                if (errno == ENOTEMPTY || errno == EEXIST) {
                    struct stat here;
                    struct level *level = malloc(sizeof *level + strlen(name) + 1);
                    int below = level && fstat(*current, &here) == 0 ? open_directory(*current, name) : -1;
                    if (below >= 0) {
                        strcpy(level->name, name);
                        level->device = here.st_dev;
                        level->inode = here.st_ino;
                        level->above = *levels;
                        *levels = level;
                        close(*current);
                        *current = below;
                        descended = 1;
                        continue;
                    }
                    error = level ? errno : ENOMEM;
                    free(level);
                } else if (errno != ENOTDIR) {
                    error = errno;
                }
            }
            copy_name(failed, capacity, name);
            result = -error;
        }
        closedir(directory);
        if (result < 0) return result;
        if (descended) continue;
        struct level *level = *levels;
        if (!level) return 0;
        int above = open_directory(*current, "..");
        struct stat there;
        if (above < 0) return -errno;
        close(*current);
        *current = above;
        if (fstat(above, &there) < 0) return -errno;
        // Somebody moved the directory while it was emptied: what is above it now is not ours to remove from.
        if (there.st_dev != level->device || there.st_ino != level->inode) return -ESTALE;
        if (unlinkat(above, level->name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY) {
            copy_name(failed, capacity, level->name);
            return -errno;
        }
        *levels = level->above;
        free(level);
    }
}

int32_t platform_remove_tree(const uint8_t *path, const int32_t *cancelled, uint8_t *failed, size_t capacity) {
    failed[0] = 0;
    int current = open_directory(AT_FDCWD, PATH(path));
    if (current < 0) return -errno;
    struct level *levels = NULL;
    int32_t result = remove_entries(&current, &levels, cancelled, failed, capacity);
    close(current);
    while (levels) {
        struct level *above = levels->above;
        free(levels);
        levels = above;
    }
    return result < 0 ? result : platform_remove_directory(path);
}

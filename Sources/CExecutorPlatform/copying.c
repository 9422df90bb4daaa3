// Copies of files and trees.
#include "internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>  // renameat
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "placing.h"

enum { piece_length = 1 << 20, buffer_length = 1 << 16, deepest = 512 };
#define FICLONE_REQUEST _IOW(0x94, 9, int)

// By reading and writing, where the kernel cannot do it by itself.
static ssize_t copy_piece(int from, int to, off_t position, size_t length, struct platform_copy *copy) {
    if (!copy->buffer) copy->buffer = malloc(buffer_length);
    if (!copy->buffer) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t count = pread(from, copy->buffer, length < buffer_length ? length : buffer_length, position);
    for (ssize_t done = 0; done < count;) {
        ssize_t written = pwrite(to, copy->buffer + done, (size_t)(count - done), position + done);
        if (written < 0) return -1;
        done += written;
    }
    return count;
}

int32_t platform_copy_bytes(int from, int to, int64_t position, int64_t end, struct platform_copy *copy) {
    while (position < end) {
        if (copy->cancelled && platform_flag_read(copy->cancelled)) return -ECANCELED;
        size_t length = end - position < piece_length ? (size_t)(end - position) : piece_length;
        ssize_t count;
        if (copy->in_kernel) {
            off_t in = position, out = position;
            count = copy_file_range(from, &in, to, &out, length, 0);
            // Whatever the reason is, the plain way either works or says it.
            if (count <= 0) {
                copy->in_kernel = 0;
                continue;
            }
        } else {
            count = copy_piece(from, to, position, length, copy);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return -errno;
            if (count == 0) return 0;
        }
        position += count;
        copy->bytes += (uint64_t)count;
    }
    return 0;
}

static int32_t copy_content(int from, int to, const struct stat *status, struct platform_copy *copy) {
    off_t size = status->st_size;
    if (size == 0) {
        // Empty, or a file of the kernel, which says so and has content.
        uint8_t in_kernel = copy->in_kernel;
        copy->in_kernel = 0;
        int32_t result = platform_copy_bytes(from, to, 0, INT64_MAX, copy);
        copy->in_kernel = in_kernel;
        return result;
    }
    if (copy->can_clone) {
        if (ioctl(to, FICLONE_REQUEST, from) == 0) {
            copy->cloned++;
            copy->bytes += (uint64_t)size;
            return 0;
        }
        copy->can_clone = 0;
    }
    if ((int64_t)status->st_blocks * 512 >= size) return platform_copy_bytes(from, to, 0, size, copy);
    // It has holes, which are skipped.
    for (off_t position = 0; position < size;) {
        off_t data = lseek(from, position, SEEK_DATA);
        if (data < 0 && errno == ENXIO) break;
        off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
        if (data < 0) data = position;
        if (hole < 0 || hole > size) hole = size;
        int32_t result = platform_copy_bytes(from, to, data, hole, copy);
        if (result < 0) return result;
        position = hole;
    }
    return CHECKED(ftruncate(to, size));
}

static void keep(int descriptor, const struct stat *status, const struct platform_copy *copy) {
    struct stat now;
    if (fstat(descriptor, &now) < 0) return;
    mode_t mode = status->st_mode & 01777;
    if (!copy->preserve) mode &= 0777 & ~platform_umask();
    // What runs as its owner does not become a program that runs as another.
    if (copy->preserve && status->st_uid == now.st_uid) mode |= status->st_mode & S_ISUID;
    if (S_ISDIR(now.st_mode)) mode |= now.st_mode & S_ISGID;
    else if (copy->preserve && status->st_gid == now.st_gid) mode |= status->st_mode & S_ISGID;
    fchmod(descriptor, mode);
    if (copy->preserve) futimens(descriptor, (struct timespec[2]){status->st_atim, status->st_mtim});
}

static int32_t copy_file(int source, const char *name, int target, const char *new_name, struct platform_copy *copy) {
    int from = openat(source, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (from < 0) return -errno;
    struct stat status;
    struct platform_new_file file = {.directory = target, .descriptor = -1};
    int32_t result = CHECKED(fstat(from, &status));
    if (result == 0 && !S_ISREG(status.st_mode)) result = -ENXIO;
    if (result == 0) result = platform_new_file_create(&file);
    if (result == 0) result = copy_content(from, file.descriptor, &status, copy);
    if (result == 0) {
        keep(file.descriptor, &status, copy);
        result = platform_new_file_place(&file, (const uint8_t *)new_name, copy->replace);
    }
    if (result == 0) copy->files++;
    platform_new_file_drop(&file);
    close(from);
    return result;
}

static int32_t copy_link(int source, const char *name, int target, const char *new_name, const struct stat *status, struct platform_copy *copy) {
    char text[4096];
    ssize_t length = readlinkat(source, name, text, sizeof text - 1);
    if (length < 0) return -errno;
    text[length] = 0;
    if (symlinkat(text, target, new_name) < 0) {
        if (errno != EEXIST || !copy->replace) return -errno;
        char temporary[TEMPORARY_NAME];
        platform_temporary_name(temporary);
        if (symlinkat(text, target, temporary) < 0) return -errno;
        if (renameat(target, temporary, target, new_name) < 0) {
            int error = errno;
            unlinkat(target, temporary, 0);
            return -error;
        }
    }
    if (copy->preserve) utimensat(target, new_name, (struct timespec[2]){status->st_atim, status->st_mtim}, AT_SYMLINK_NOFOLLOW);
    copy->files++;
    return 0;
}

struct copy_level {
    struct copy_level *above;
    DIR *source;
    struct stat status;
    int target, depth;
    uint8_t is_new;
    char name[];
};

static int32_t enter(int source, const char *name, int target, const char *new_name, struct copy_level **levels, struct platform_copy *copy) {
    struct copy_level *level = calloc(1, sizeof *level + strlen(name) + 1);
    if (!level) return -ENOMEM;
    strcpy(level->name, name);
    level->depth = *levels ? (*levels)->depth + 1 : 1;
    level->target = -1;
    int descriptor = -1;
    int32_t result = level->depth > deepest ? -ENAMETOOLONG : 0;
    if (result == 0) {
        descriptor = openat(source, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        result = descriptor < 0 ? -errno : CHECKED(fstat(descriptor, &level->status));
    }
    if (result == 0) {
        // Only its owner may come in until it is complete.
        level->is_new = mkdirat(target, new_name, 0700) == 0;
        if (!level->is_new && (errno != EEXIST || !copy->replace)) result = -errno;
    }
    if (result == 0) {
        level->target = openat(target, new_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (level->target < 0) result = -errno;
    }
    if (result == 0) level->source = fdopendir(descriptor);
    if (result < 0 || !level->source) {
        if (result == 0) result = -errno;
        if (descriptor >= 0) close(descriptor);
        if (level->target >= 0) close(level->target);
        free(level);
        return result;
    }
    copy->directories += level->is_new;
    level->above = *levels;
    *levels = level;
    return 0;
}

static void leave(struct copy_level **levels, int is_complete, const struct platform_copy *copy) {
    struct copy_level *level = *levels;
    if (is_complete && level->is_new) keep(level->target, &level->status, copy);
    *levels = level->above;
    closedir(level->source);
    close(level->target);
    free(level);
}

// One entry, whatever it is; a directory is entered.
static int32_t copy_entry(int source, const char *name, int target, const char *new_name, struct copy_level **levels, struct platform_copy *copy) {
    struct stat status, there;
    if (fstatat(source, name, &status, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    if (S_ISDIR(status.st_mode)) return copy->recursive ? enter(source, name, target, new_name, levels, copy) : -EISDIR;
    // Found out before the content is copied.
    if (fstatat(target, new_name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!copy->replace) return -EEXIST;
        if (S_ISDIR(there.st_mode)) return -EISDIR;
        if (status.st_dev == there.st_dev && status.st_ino == there.st_ino) return -EEXIST;
    }
    if (S_ISREG(status.st_mode)) return copy_file(source, name, target, new_name, copy);
    if (S_ISLNK(status.st_mode)) return copy_link(source, name, target, new_name, &status, copy);
    return -ENXIO;
}

// The names on the way to what failed.
static void name_failure(const struct copy_level *level, const char *name, struct platform_copy *copy) {
    uint8_t *end = copy->failed + copy->capacity - 1, *start = end;
    for (;;) {
        size_t length = strlen(name);
        if ((size_t)(start - copy->failed) < length + 1) break;
        start -= length;
        memcpy(start, name, length);
        // The outermost level is the whole tree, whose path the caller knows.
        if (!level || !level->above) break;
        *--start = '/';
        name = level->name;
        level = level->above;
    }
    memmove(copy->failed, start, (size_t)(end - start));
    copy->failed[end - start] = 0;
}

static int32_t copy_entries(struct copy_level **levels, struct platform_copy *copy) {
    while (*levels) {
        struct copy_level *level = *levels;
        if (platform_flag_read(copy->cancelled)) return -ECANCELED;
        errno = 0;
        struct dirent *entry = readdir(level->source);
        if (!entry) {
            if (errno) return -errno;
            leave(levels, 1, copy);
            continue;
        }
        const char *name = entry->d_name;
        if (!strcmp(name, ".") || !strcmp(name, "..")) continue;
        int32_t result = copy_entry(dirfd(level->source), name, level->target, name, levels, copy);
        if (result < 0) {
            name_failure(level, name, copy);
            return result;
        }
    }
    return 0;
}

// Whether a directory is in another, or is it.
static int is_inside(int directory, const struct stat *other) {
    struct stat here, last = {0};
    int current = openat(directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), found = 0;
    while (current >= 0 && fstat(current, &here) == 0) {
        found = here.st_dev == other->st_dev && here.st_ino == other->st_ino;
        if (found || (here.st_dev == last.st_dev && here.st_ino == last.st_ino)) break;
        last = here;
        int above = openat(current, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(current);
        current = above;
    }
    if (current >= 0) close(current);
    return found;
}

int32_t platform_copy_tree(
    const uint8_t *from, const uint8_t *directory, const uint8_t *name, struct platform_copy *copy, uint8_t *failed, size_t capacity) {
    copy->failed = failed;
    copy->capacity = capacity;
    failed[0] = 0;
    copy->in_kernel = copy->can_clone = 1;
    struct stat status;
    if (lstat(PATH(from), &status) < 0) return -errno;
    int target = open(PATH(directory), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (target < 0) return -errno;
    struct copy_level *levels = NULL;
    copy->is_into_itself = S_ISDIR(status.st_mode) && is_inside(target, &status);
    int32_t result = copy->is_into_itself ? -EINVAL : copy_entry(AT_FDCWD, PATH(from), target, PATH(name), &levels, copy);
    if (result == 0) result = copy_entries(&levels, copy);
    while (levels) leave(&levels, 0, copy);
    close(target);
    free(copy->buffer);
    copy->buffer = NULL;
    return result;
}

int32_t platform_new_file_pour(const struct platform_new_file *file, const uint8_t *name, int32_t sync, int *touched) {
    int target = openat(file->directory, PATH(name), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (target < 0) return -errno;
    struct platform_copy copy = {.in_kernel = 1};
    struct stat status;
    int32_t result = CHECKED(fstat(file->descriptor, &status));
    if (result == 0) result = platform_copy_bytes(file->descriptor, target, 0, status.st_size, &copy);
    if (result == 0) result = CHECKED(ftruncate(target, status.st_size));
    if (result == 0 && sync) result = CHECKED(fsync(target));
    *touched = copy.bytes > 0;
    close(target);
    free(copy.buffer);
    return result;
}

// Files that appear whole: collected without a name, then put in place under one.
#include "internal.h"

#include <fcntl.h>
#include <stdio.h>  // renameat
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "placing.h"

void platform_temporary_name(char name[TEMPORARY_NAME]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t random[8] = {0};
    platform_random(random, sizeof random);
    memcpy(name, ".portal-", 8);
    for (unsigned index = 0; index < 16; index++) name[8 + index] = digits[random[index / 2] >> (index % 2 * 4) & 15];
    name[24] = 0;
}

static void own_path(char path[48], int descriptor) { platform_number_path(path, "/proc/self/fd/", (unsigned long)descriptor, ""); }

int32_t platform_rename_new_at(int from_directory, const char *from, int to_directory, const char *to) {
#ifdef SYS_renameat2
    if (syscall(SYS_renameat2, from_directory, from, to_directory, to, 1U /* RENAME_NOREPLACE */) == 0) return 0;
    if (errno != ENOSYS && errno != EINVAL) return -errno;
#endif
    struct stat raw;
    if (fstatat(from_directory, from, &raw, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    if (S_ISDIR(raw.st_mode)) return -EOPNOTSUPP;
    if (linkat(from_directory, from, to_directory, to, 0) < 0) return -errno;
    return CHECKED(unlinkat(from_directory, from, 0));
}

int32_t platform_new_file_create(struct platform_new_file *file) {
    file->name[0] = 0;
    // A file without a name is gone with this process, however that ends. It gets its name through /proc, which not every host has.
    file->descriptor = openat(file->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file->descriptor >= 0) {
        char own[48];
        own_path(own, file->descriptor);
        if (access(own, F_OK) == 0) return 0;
        close(file->descriptor);
    }
    char name[TEMPORARY_NAME];
    platform_temporary_name(name);
    file->descriptor = openat(file->directory, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (file->descriptor < 0) return -errno;
    memcpy(file->name, name, sizeof name);
    return 0;
}

int32_t platform_new_file_open(const uint8_t *directory, struct platform_new_file *file) {
    file->descriptor = -1;
    file->name[0] = 0;
    file->directory = open(PATH(directory), O_PATH | O_DIRECTORY | O_CLOEXEC);
    int32_t result = file->directory < 0 ? -errno : platform_new_file_create(file);
    if (result < 0) platform_new_file_discard(file);
    return result;
}

int32_t platform_new_file_place(struct platform_new_file *file, const uint8_t *name, int32_t replace) {
    char *temporary = (char *)file->name;
    if (!*temporary) {
        char own[48], chosen[TEMPORARY_NAME];
        own_path(own, file->descriptor);
        if (linkat(AT_FDCWD, own, file->directory, PATH(name), AT_SYMLINK_FOLLOW) == 0) return 0;
        if (errno != EEXIST || !replace) return -errno;
        // A link cannot replace; a rename can, of something that has a name: for two system calls there are both.
        platform_temporary_name(chosen);
        if (linkat(AT_FDCWD, own, file->directory, chosen, AT_SYMLINK_FOLLOW) < 0) return -errno;
        memcpy(temporary, chosen, sizeof chosen);
    }
    int32_t result = replace ? CHECKED(renameat(file->directory, temporary, file->directory, PATH(name)))
                             : platform_rename_new_at(file->directory, temporary, file->directory, PATH(name));
    if (result == 0) *temporary = 0;
    return result;
}

void platform_new_file_drop(struct platform_new_file *file) {
    if (file->name[0]) unlinkat(file->directory, (const char *)file->name, 0);
    if (file->descriptor >= 0) close(file->descriptor);
    file->name[0] = 0;
    file->descriptor = -1;
}

void platform_new_file_discard(struct platform_new_file *file) {
    platform_new_file_drop(file);
    if (file->directory >= 0) close(file->directory);
    file->directory = -1;
}

static int32_t sync_name(const struct platform_new_file *file) {
    int directory = openat(file->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return -errno;
    int32_t result = CHECKED(fsync(directory));
    close(directory);
    // Some file systems cannot do it for directories.
    return result == -EINVAL ? 0 : result;
}

struct platform_lock *platform_directory_lock(const uint8_t *directory) {
    static struct platform_lock locks[16];
    struct stat raw;
    return locks + (stat(PATH(directory), &raw) < 0 ? 0 : raw.st_ino % 16);
}

// ---- What a file keeps when its content is replaced

struct losses {
    uint8_t *names;
    size_t used, capacity;
};

static void lose(struct losses *losses, const char *name) {
    size_t length = strlen(name) + 1;
    if (losses->used + length > losses->capacity) return;
    memcpy(losses->names + losses->used, name, length);
    losses->used += length;
}

static void keep_extended(const char *old, int descriptor, struct losses *losses) {
    enum { longest = 65536 };
    // What the directory gave the new file: the old one's access list, or none, is what counts.
    fremovexattr(descriptor, "system.posix_acl_access");
    ssize_t length = listxattr(old, NULL, 0);
    if (length == 0 || (length < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))) return;
    char *names = length < 0 ? NULL : malloc((size_t)length + 2 * longest);
    if (names) length = listxattr(old, names, (size_t)length);
    if (!names || length < 0) {
        lose(losses, "extended attributes");
        free(names);
        return;
    }
    char *value = names + length, *present = value + longest;
    for (char *name = names; name < names + length; name += strlen(name) + 1) {
        ssize_t count = getxattr(old, name, value, longest);
        if (count < 0 && errno == ENODATA) continue;
        if (count >= 0 && fgetxattr(descriptor, name, present, longest) == count && !memcmp(value, present, (size_t)count)) continue;
        // Signatures of the old content are none of the new one.
        int isSignature = !strcmp(name, "security.ima") || !strcmp(name, "security.evm");
        if (count < 0 || isSignature || fsetxattr(descriptor, name, value, (size_t)count, 0) < 0) lose(losses, name);
    }
    free(names);
}

static int32_t keep_attributes(const char *old, int descriptor, struct losses *losses) {
    struct stat before, now;
    if (stat(old, &before) < 0 || fstat(descriptor, &now) < 0) return -errno;
    mode_t mode = before.st_mode & 07777;
    if (before.st_uid != now.st_uid || before.st_gid != now.st_gid) {
        if (fchown(descriptor, before.st_uid, before.st_gid) < 0 && fchown(descriptor, (uid_t)-1, before.st_gid) < 0) errno = 0;
        if (fstat(descriptor, &now) < 0) return -errno;
        // A program that ran as its owner must not run as somebody else because its content was written by them.
        if (before.st_uid != now.st_uid) {
            lose(losses, "owner");
            if (mode & S_ISUID) lose(losses, "set-user-id");
            mode &= (mode_t)~S_ISUID;
        }
        if (before.st_gid != now.st_gid) {
            lose(losses, "group");
            if (mode & S_ISGID) lose(losses, "set-group-id");
            mode &= (mode_t)~S_ISGID;
        }
    }
    keep_extended(old, descriptor, losses);
    if (fchmod(descriptor, mode) < 0) lose(losses, "mode");
    return 0;
}

int32_t platform_new_file_commit(struct platform_new_file *file, struct platform_commit *commit) {
    const char *target = PATH(commit->target), *slash = strrchr(target, '/');
    const uint8_t *name = (const uint8_t *)(slash ? slash + 1 : target);
    struct losses losses = {commit->lost, 0, commit->capacity};
    commit->applied = 0;
    if (commit->into_file) {
        int touched = 0;
        int32_t result = platform_new_file_pour(file, name, commit->sync, &touched);
        commit->applied = touched ? 2 : 0;
        return result;
    }
    int32_t result = commit->replaces ? keep_attributes(target, file->descriptor, &losses) : CHECKED(fchmod(file->descriptor, (mode_t)commit->mode));
    commit->lost_length = losses.used;
    if (result == 0 && commit->sync) result = CHECKED(fsync(file->descriptor));
    if (result == 0) result = platform_new_file_place(file, name, !commit->is_new);
    if (result == 0 && commit->sync) {
        result = sync_name(file);
        commit->applied = 1;
    }
    return result;
}

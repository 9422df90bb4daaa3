// Changes of directories, by inotify.
#include "internal.h"

#include <sys/inotify.h>

int32_t platform_watches_create(void) {
    int watches = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return watches < 0 ? -errno : watches;
}

int32_t platform_watches_add(int32_t watches, const uint8_t *path, int32_t follow) {
    uint32_t mask = IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR
        | IN_EXCL_UNLINK;
    if (!follow) mask |= IN_DONT_FOLLOW;
    int watch = inotify_add_watch(watches, (const char *)path, mask);
    return watch < 0 ? -errno : watch;
}

void platform_watches_remove(int32_t watches, int32_t watch) { inotify_rm_watch(watches, watch); }

uint32_t platform_watches_next(const uint8_t *buffer, size_t count, size_t *position, int32_t *watch, const uint8_t **name) {
    if (*position + sizeof(struct inotify_event) > count) return 0;
    const struct inotify_event *event = (const struct inotify_event *)(buffer + *position);
    *position += sizeof *event + event->len;
    *watch = event->wd;
    *name = event->len ? (const uint8_t *)event->name : (const uint8_t *)"";
    uint32_t mask = event->mask, kinds = 0;
    if (mask & (IN_CREATE | IN_MOVED_TO)) kinds |= PLATFORM_CHANGE_CREATED;
    if (mask & (IN_MODIFY | IN_ATTRIB)) kinds |= PLATFORM_CHANGE_MODIFIED;
    if (mask & (IN_DELETE | IN_MOVED_FROM)) kinds |= PLATFORM_CHANGE_REMOVED;
    if (mask & (IN_MOVED_FROM | IN_MOVED_TO)) kinds |= PLATFORM_CHANGE_MOVED;
    if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) kinds |= PLATFORM_CHANGE_SELF;
    if (mask & IN_ISDIR) kinds |= PLATFORM_CHANGE_DIRECTORY;
    if (mask & IN_IGNORED) kinds |= PLATFORM_CHANGE_FORGOTTEN;
    if (mask & IN_Q_OVERFLOW) kinds |= PLATFORM_CHANGE_LOST;
    // Never 0, which is the end.
    return kinds ? kinds : PLATFORM_CHANGE_DIRECTORY;
}

// FNV-1a.
uint32_t platform_hash(const uint8_t *bytes, size_t count) {
    uint32_t hash = 2166136261u;
    for (size_t index = 0; index < count; index++) hash = (hash ^ bytes[index]) * 16777619u;
    return hash;
}

// Finding and signalling whole trees of processes.
#include "internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct entry {
    int32_t process, parent, session;
    uint64_t started;
    char state;
    int32_t tree;  // one more than the index of its tree, 0 where it is in none, or `unsettled`
};

// The tree of a process that is between two programs, while nothing is known of it but its parent.
enum { unsettled = -1 };

static int read_small(const char *path, char *buffer, size_t capacity) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t count = read(descriptor, buffer, capacity - 1);
    close(descriptor);
    if (count < 0) return -1;
    buffer[count] = 0;
    return (int)count;
}

static int read_entry(int32_t process, struct entry *entry) {
    char path[48], text[512];
    platform_number_path(path, "/proc/", (unsigned long)process, "/stat");
    if (read_small(path, text, sizeof text) <= 0) return 0;
    // The name is in parentheses and may hold any byte; what follows the last one is numbers.
    char *rest = strrchr(text, ')');
    if (!rest || !rest[1]) return 0;
    entry->process = process;
    entry->state = rest[2];
    entry->tree = 0;
    const char *next = rest + 3;
    entry->parent = (int32_t)platform_digits(&next);
    platform_digits(&next);
    entry->session = (int32_t)platform_digits(&next);
    for (int field = 7; field < 22; field++) platform_digits(&next);
    entry->started = platform_digits(&next);
    return 1;
}

// The number behind the prefix in the environment that a process was started with, or 0. (memmem would bring a kilobyte of Boyer-Moore.)
static uint32_t marker_of(int32_t process, const char *prefix) {
    enum { DIGITS = 12 };
    char path[48], buffer[4096 + 1];
    platform_number_path(path, "/proc/", (unsigned long)process, "/environ");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return 0;
    size_t length = strlen(prefix), kept = 0;
    uint32_t number = 0;
    for (ssize_t count = 1; count > 0 && number == 0;) {
        count = read(descriptor, buffer + kept, sizeof buffer - 1 - kept);
        size_t filled = kept + (count > 0 ? (size_t)count : 0), wanted = length + (count > 0 ? DIGITS : 0), start = 0;
        buffer[filled] = 0;
        for (; start + wanted <= filled; start++) {
            if (buffer[start] != prefix[0] || memcmp(buffer + start, prefix, length) != 0) continue;
            const char *digits = buffer + start + length;
            number = (uint32_t)platform_digits(&digits);
            break;
        }
        kept = filled - start;
        memmove(buffer, buffer + start, kept);
    }
    close(descriptor);
    return number;
}

// The kernel lists processes by rising number; whatever is out of order is moved to its place.
static void sort(struct entry *entries, size_t count) {
    for (size_t index = 1; index < count; index++) {
        struct entry entry = entries[index];
        size_t place = index;
        for (; place > 0 && entries[place - 1].process > entry.process; place--) entries[place] = entries[place - 1];
        entries[place] = entry;
    }
}

static const struct entry *find(const struct entry *entries, size_t count, int32_t process) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (entries[middle].process < process) low = middle + 1;
        else high = middle;
    }
    return low < count && entries[low].process == process ? &entries[low] : NULL;
}

// Sends only where the number still names the process that was looked at.
static void send_signal(const struct entry *entry, int number) {
    struct entry now;
#if defined(SYS_pidfd_open) && defined(SYS_pidfd_send_signal)
    int descriptor = (int)syscall(SYS_pidfd_open, entry->process, 0);
    if (descriptor >= 0) {
        long sent = -1;
        int same = read_entry(entry->process, &now) && now.started == entry->started;
        if (same) sent = syscall(SYS_pidfd_send_signal, descriptor, number, NULL, 0);
        int unsupported = same && sent < 0 && errno == ENOSYS;
        close(descriptor);
        if (!unsupported) return;
    }
#endif
    if (read_entry(entry->process, &now) && now.started == entry->started) kill(entry->process, number);
}

// The tree that a process is a member of by itself, whoever its parent is.
static int32_t own_tree(const struct entry *entry, const struct platform_tree *trees, int32_t count, const char *prefix, int32_t self) {
    for (int32_t index = 0; index < count; index++) {
        int32_t leader = trees[index].leader;
        if (leader > 0 ? entry->process == leader || entry->session == leader : entry->parent == self) return index + 1;
    }
    // An orphan is this process's child, or init's where the kernel knows no other reaper.
    if (entry->parent != self && entry->parent != 1) return 0;
    uint32_t number = marker_of(entry->process, prefix);
    if (number == 0 && entry->parent == self) {
        // While one program is exchanged for another, the kernel tells neither the environment nor the arguments.
        char path[48], text[2];
        platform_number_path(path, "/proc/", (unsigned long)entry->process, "/cmdline");
        int is_between = read_small(path, text, sizeof text) == 0;
        // The new program may have come between the two looks.
        number = marker_of(entry->process, prefix);
        if (number == 0 && is_between) return unsettled;
    }
    for (int32_t index = 0; number > 0 && index < count; index++) {
        if (trees[index].leader == 0 || trees[index].number == number) return index + 1;
    }
    return 0;
}

int32_t platform_trees_signal(struct platform_tree *trees, int32_t tree_count, const uint8_t *prefix) {
    for (int32_t index = 0; index < tree_count; index++) trees[index].living = 0;
    struct entry *entries = NULL;
    size_t count = 0, room = 0;
    DIR *directory = opendir("/proc");
    struct dirent *item;
    while (directory && (item = readdir(directory))) {
        if (item->d_name[0] < '1' || item->d_name[0] > '9') continue;
        if (count == room) {
            room = room ? room * 2 : 256;
            struct entry *more = realloc(entries, room * sizeof *entries);
            if (!more) break;
            entries = more;
        }
        const char *digits = item->d_name;
        if (read_entry((int32_t)platform_digits(&digits), &entries[count])) count++;
    }
    if (directory) closedir(directory);
    if (count == 0) {
        // A host without /proc: the groups are what can be reached.
        for (int32_t index = 0; index < tree_count; index++) {
            struct platform_tree *tree = &trees[index];
            tree->living = tree->leader > 0 && kill(-tree->leader, tree->signal) == 0;
        }
        free(entries);
        return 0;
    }
    sort(entries, count);
    int32_t self = getpid();
    for (size_t index = 0; index < count; index++) {
        if (entries[index].process != self) entries[index].tree = own_tree(&entries[index], trees, tree_count, (const char *)prefix, self);
    }
    for (int changed = 1; changed;) {
        changed = 0;
        for (size_t index = 0; index < count; index++) {
            if (entries[index].tree || entries[index].process == self) continue;
            const struct entry *parent = find(entries, count, entries[index].parent);
            if (parent && parent->tree > 0) entries[index].tree = parent->tree, changed = 1;
        }
    }
    for (size_t index = 0; index < count; index++) {
        struct entry *entry = &entries[index];
        if (!entry->tree || entry->state == 'Z' || entry->state == 'X') continue;
        if (entry->tree == unsettled) {
            // It may be anybody's: whoever kills looks again, since then it is known.
            for (int32_t number = 0; number < tree_count; number++) trees[number].living += trees[number].signal == SIGKILL;
            continue;
        }
        struct platform_tree *tree = &trees[entry->tree - 1];
        tree->living++;
        if (tree->signal > 0) send_signal(entry, tree->signal);
    }
    free(entries);
    return 0;
}

int32_t platform_kill_all(const uint8_t *prefix) {
    struct platform_tree all = {0, 0, SIGKILL, 0};
    uint64_t deadline = platform_clock() + 2000000000u;
    platform_trees_signal(&all, 1, prefix);
    // A killed process is gone only some time later, and may have had a child meanwhile.
    for (long pause = 200000; all.living > 0 && platform_clock() < deadline;) {
        struct timespec time = {0, pause};
        nanosleep(&time, NULL);
        if (pause < 10000000) pause *= 2;
        platform_trees_signal(&all, 1, prefix);
    }
    return all.living;
}

int32_t platform_group_signal(int32_t leader, int32_t number) { return kill(-leader, number) < 0 && errno != ESRCH ? -errno : 0; }

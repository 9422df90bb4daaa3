// What is known of the processes in the background, in memory that the supervisor shares: it is there when the executor was killed.
#include "internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS = 256, LAYOUT = 0x70720002, CHANGES = PLATFORM_RECORD_CHANGES + 1 };

// What is before it is in memory before what is behind it, for whoever is left when this process is killed between the two.
#define in_order() __atomic_signal_fence(__ATOMIC_SEQ_CST)

// Pages of shared memory cost nothing until they are looked at, also where nobody writes to them: what is behind the records that were ever
// used is not read.
static struct table {
    uint32_t used;
    struct platform_record records[RECORDS];
} *table;

void platform_records_prepare(void) {
    void *memory = mmap(NULL, sizeof *table, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) table = memory;
}

struct platform_record *platform_record_next(struct platform_record *record) {
    if (!table) return NULL;
    const struct platform_record *end = table->records + table->used;
    record = record ? record + 1 : table->records;
    while (record < end && record->layout != LAYOUT) record++;
    return record < end ? record : NULL;
}

struct platform_record *platform_record_take(uint32_t owner) {
    if (!table) return NULL;
    struct platform_record *found = NULL;
    for (uint32_t index = 0; index < table->used; index++) {
        struct platform_record *record = table->records + index;
        // One that is not used is the oldest of all: it was started in no year.
        if ((record->layout != LAYOUT || record->has_ended) && (!found || record->started < found->started)) found = record;
    }
    if ((!found || found->started) && table->used < RECORDS) found = table->records + table->used++;
    if (found) {
        // The rest is not read before it is written, and takes no memory until then.
        memset(found, 0, offsetof(struct platform_record, text));
        found->owner = owner;
        found->layout = LAYOUT;
    }
    return found;
}

void platform_record_drop(struct platform_record *record) {
    record->started = 0;
    record->layout = 0;
}

static size_t text_length(const struct platform_record *record) {
    return (size_t)record->lengths[0] + record->lengths[1] + record->lengths[2];
}

void platform_record_describe(struct platform_record *record, int32_t index, const uint8_t *text, size_t count) {
    size_t used = text_length(record);
    if (count > sizeof record->text - used) count = sizeof record->text - used;
    memcpy(record->text + used, text, count);
    record->lengths[index] = (uint16_t)count;
}

void platform_record_text(const struct platform_record *record, int32_t offset, uint8_t *buffer, size_t count) {
    memcpy(buffer, record->text + offset, count);
}

void platform_record_print(struct platform_record *record, const uint8_t *bytes, size_t count, int32_t error) {
    uint64_t entry = record->printed << 1 | (uint64_t)error;
    uint32_t changes = record->changes;
    if (changes == 0 || (record->change[(changes - 1) % CHANGES] & 1) != (uint64_t)error) {
        record->change[changes % CHANGES] = entry;
        in_order();
        record->changes = changes + 1;
    }
    uint64_t end = record->printed + count;
    record->writing = end;
    in_order();
    if (count > sizeof record->tail) {
        bytes += count - sizeof record->tail;
        count = sizeof record->tail;
    }
    while (count > 0) {
        size_t offset = (end - count) % sizeof record->tail;
        size_t part = sizeof record->tail - offset;
        if (part > count) part = count;
        memcpy(record->tail + offset, bytes, part);
        bytes += part;
        count -= part;
    }
    in_order();
    record->printed = end;
}

uint64_t platform_record_first(const struct platform_record *record, uint64_t *changes, int32_t *count) {
    uint64_t first = record->writing > sizeof record->tail ? record->writing - sizeof record->tail : 0;
    if (first > record->printed) first = record->printed;
    uint32_t from = record->changes > PLATFORM_RECORD_CHANGES ? record->changes - PLATFORM_RECORD_CHANGES : 0;
    *count = 0;
    for (; from < record->changes; from++) {
        uint64_t entry = record->change[from % CHANGES];
        // Of those before the first byte that is kept, the last one counts.
        if (*count > 0 && entry >> 1 <= first) *count = 0;
        changes[(*count)++] = entry;
    }
    return *count > 0 && first < changes[0] >> 1 ? changes[0] >> 1 : first;
}

void platform_record_copy(const struct platform_record *record, uint64_t position, uint8_t *buffer, size_t count) {
    for (; count > 0; count--) *buffer++ = record->tail[position++ % sizeof record->tail];
}

// MARK: Between the supervisor and the next executor

static void set_end(const struct platform_end *end) {
    for (struct platform_record *record = NULL; (record = platform_record_next(record));) {
        if (record->has_ended || (end && record->process != end->process)) continue;
        record->has_ended = record->is_lost = 1;
        // What a stuck disk holds has been killed all the same.
        record->code = end ? end->code : -1;
        record->signal = end ? end->signal : SIGKILL;
        record->processor_milliseconds = end ? end->processor_milliseconds : 0;
        record->wall_milliseconds = (platform_clock() - record->clock) / 1000000;
    }
}

void platform_records_save(int directory, const char *name) {
    struct platform_end end;
    while (platform_reap(&end)) set_end(&end);
    set_end(NULL);
    int file = -1;
    for (struct platform_record *record = NULL; (record = platform_record_next(record));) {
        if (file < 0) file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        // Nobody is left who could be told of a failure: less is known then.
        if (file < 0 || platform_write(file, record, sizeof *record) < 0) break;
    }
    if (file >= 0) close(file);
}

void platform_records_load(const char *name) {
    struct stat status;
    int file = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return;
    // What another build wrote has another layout, and is not used.
    if (table && fstat(file, &status) == 0 && status.st_uid == geteuid() && S_ISREG(status.st_mode)) {
        struct platform_record *record = table->records;
        while (table->used < RECORDS && platform_read(file, record, sizeof *record) == sizeof *record
            && text_length(record) <= sizeof record->text) {
            record++;
            table->used++;
        }
    }
    close(file);
    unlink(name);
}

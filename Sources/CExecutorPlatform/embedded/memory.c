// The images' memory. The libc that they are linked with returns every piece of more than a few kilobytes to the kernel: a stream of 64 KiB
// frames then spends most of its time in page faults (measured: 42 % of both processors while a file was read). Here freed blocks are kept by
// size class, the large ones up to a bound. Blocks are never split or joined: the sizes that an executor uses are few and come again.
#include "../internal.h"

#include <string.h>
#include <sys/mman.h>

enum {
    alignment = 16,
    smallest_shift = 5,            // 32 bytes, the header included
    largest_shift = 21,            // 2 MiB: a largest frame and what arrays grow it to
    class_count = (largest_shift - smallest_shift) * 2 + 1,
    chunk_size = 64 * 1024,        // what small blocks are cut from
    small_limit = 16 * 1024,       // above, a block is a mapping of its own
    kept_limit = 3 * 1024 * 1024,  // bytes of free large blocks that are kept
};

// Before every block; what is handed out begins behind it and is aligned to 16 bytes.
struct header {
    uint32_t class;   // class_count: a mapping of `length` bytes that is no class's
    uint32_t offset;  // from the block's own start to this header, where a greater alignment was asked for
    size_t length;
};
_Static_assert(sizeof(struct header) <= alignment, "a header fits before an aligned block");

struct free_block { struct free_block *next; };

static struct platform_lock lock;
static struct free_block *free_blocks[class_count];
static char *chunk, *chunk_end;
static size_t kept;

// Two classes for each power of two: 32, 48, 64, 96, 128, …
static size_t class_size(uint32_t class) {
    size_t base = (size_t)1 << (smallest_shift + class / 2);
    return class % 2 ? base + base / 2 : base;
}

static uint32_t class_of(size_t size) {
    uint32_t class = 0;
    while (class < class_count && class_size(class) < size) class++;
    return class;
}

static void *map(size_t length) {
    void *mapping = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mapping == MAP_FAILED ? NULL : mapping;
}

static void *take(uint32_t class) {
    size_t size = class_size(class);
    struct free_block *block = free_blocks[class];
    if (block) {
        free_blocks[class] = block->next;
        if (size > small_limit) kept -= size;
        return block;
    }
    if (size > small_limit) return map(size);
    if ((size_t)(chunk_end - chunk) < size) {
        // The rest of the old chunk is lost: less than one small block each 64 KiB, and most chunks are cut evenly.
        char *fresh = map(chunk_size);
        if (!fresh) return NULL;
        chunk = fresh;
        chunk_end = fresh + chunk_size;
    }
    char *cut = chunk;
    chunk += size;
    return cut;
}

static void *allocate(size_t size, size_t aligned) {
    if (size > PTRDIFF_MAX / 2 || aligned > PTRDIFF_MAX / 4) return NULL;
    size_t extra = aligned > alignment ? aligned : 0;
    size_t needed = size + alignment + extra;
    uint32_t class = class_of(needed);
    char *block;
    if (class < class_count) {
        platform_lock(&lock);
        block = take(class);
        platform_unlock(&lock);
    } else {
        block = map(needed);
    }
    if (!block) return NULL;
    char *content = block + alignment;
    if (extra) content = (char *)(((uintptr_t)content + aligned - 1) & ~(uintptr_t)(aligned - 1));
    struct header *header = (struct header *)(content - alignment);
    header->class = class;
    header->offset = (uint32_t)((char *)header - block);
    header->length = class < class_count ? class_size(class) : needed;
    return content;
}

void *malloc(size_t size) {
    void *content = allocate(size, alignment);
    if (!content) errno = ENOMEM;
    return content;
}

void free(void *content) {
    if (!content) return;
    struct header *header = (struct header *)((char *)content - alignment);
    char *block = (char *)header - header->offset;
    uint32_t class = header->class;
    size_t length = header->length;
    if (class == class_count) {
        munmap(block, length);
        return;
    }
    platform_lock(&lock);
    int is_kept = length <= small_limit || kept + length <= kept_limit;
    if (is_kept) {
        if (length > small_limit) kept += length;
        ((struct free_block *)block)->next = free_blocks[class];
        free_blocks[class] = (struct free_block *)block;
    }
    platform_unlock(&lock);
    if (!is_kept) munmap(block, length);
}

int posix_memalign(void **result, size_t aligned, size_t size) {
    void *content = allocate(size, aligned);
    if (!content) return ENOMEM;
    *result = content;
    return 0;
}

void *aligned_alloc(size_t aligned, size_t size) {
    void *content = allocate(size, aligned);
    if (!content) errno = ENOMEM;
    return content;
}

void *calloc(size_t count, size_t size) {
    if (size && count > PTRDIFF_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    void *content = malloc(count * size);
    return content ? memset(content, 0, count * size) : NULL;
}

void *realloc(void *old, size_t size) {
    if (!old) return malloc(size);
    struct header *header = (struct header *)((char *)old - alignment);
    size_t room = header->length - header->offset - alignment;
    if (size <= room) return old;
    void *content = malloc(size);
    if (!content) return NULL;
    memcpy(content, old, room);
    free(old);
    return content;
}

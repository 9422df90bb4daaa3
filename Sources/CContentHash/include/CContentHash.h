// SHA-256 of content that comes in pieces, as fast as the system's own library does it.
#pragma once
#include <stddef.h>

typedef struct content_hash content_hash;

// Nothing has been added yet. NULL without memory.
content_hash *content_hash_new(void);
void content_hash_add(content_hash *hash, const void *bytes, size_t count);
// The 32 bytes of the hash of everything that was added; nothing may be added afterwards.
void content_hash_end(content_hash *hash, unsigned char digest[32]);
void content_hash_free(content_hash *hash);

#include "CContentHash.h"

#include <stdlib.h>

#ifdef __APPLE__
#include <CommonCrypto/CommonDigest.h>

struct content_hash {
    CC_SHA256_CTX state;
};

content_hash *content_hash_new(void) {
    content_hash *hash = malloc(sizeof *hash);
    if (hash) CC_SHA256_Init(&hash->state);
    return hash;
}

void content_hash_add(content_hash *hash, const void *bytes, size_t count) {
    // The length there has 32 bits.
    const unsigned char *next = bytes;
    while (count > 0) {
        CC_LONG part = count > 1 << 30 ? 1 << 30 : (CC_LONG)count;
        CC_SHA256_Update(&hash->state, next, part);
        next += part;
        count -= part;
    }
}

void content_hash_end(content_hash *hash, unsigned char digest[32]) { CC_SHA256_Final(digest, &hash->state); }

void content_hash_free(content_hash *hash) { free(hash); }

#else
#include <openssl/crypto.h>
#include <openssl/evp.h>

struct content_hash {
    EVP_MD_CTX *state;
};

content_hash *content_hash_new(void) {
    // The first use of OpenSSL in a program decides: what it would free at the program's exit is still used on other threads.
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    content_hash *hash = malloc(sizeof *hash);
    if (!hash) return NULL;
    hash->state = EVP_MD_CTX_new();
    if (!hash->state || EVP_DigestInit_ex(hash->state, EVP_sha256(), NULL) != 1) {
        content_hash_free(hash);
        return NULL;
    }
    return hash;
}

void content_hash_add(content_hash *hash, const void *bytes, size_t count) { EVP_DigestUpdate(hash->state, bytes, count); }

void content_hash_end(content_hash *hash, unsigned char digest[32]) { EVP_DigestFinal_ex(hash->state, digest, NULL); }

void content_hash_free(content_hash *hash) {
    EVP_MD_CTX_free(hash->state);
    free(hash);
}
#endif

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CLibssh2.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

int portal_ssh_initialize(void) {
    // What OpenSSL would free when the program exits is still used by a connection that lives on another thread.
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    return libssh2_init(0);
}

LIBSSH2_SESSION *portal_ssh_session_new(void *context, portal_ssh_send send, portal_ssh_receive receive) {
    LIBSSH2_SESSION *session = libssh2_session_init_ex(NULL, NULL, NULL, context);
    if (session == NULL) return NULL;
#if LIBSSH2_VERSION_NUM >= 0x010b01
    libssh2_session_callback_set2(session, LIBSSH2_CALLBACK_SEND, (libssh2_cb_generic *)send);
    libssh2_session_callback_set2(session, LIBSSH2_CALLBACK_RECV, (libssh2_cb_generic *)receive);
#else
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_SEND, (void *)send);
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_RECV, (void *)receive);
#endif
    libssh2_session_set_blocking(session, 0);
    return session;
}

uint32_t portal_ssh_version(void) {
    const char *text = libssh2_version(0);
    uint32_t number = 0;
    for (int part = 0; part < 3 && text != NULL; part++) {
        char *end = NULL;
        number = number << 8 | (uint32_t)(strtoul(text, &end, 10) & 0xff);
        text = end != NULL && *end == '.' ? end + 1 : "";
    }
    return number;
}

const void *portal_ssh_prompt_text(const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts, int index, size_t *count) {
    *count = prompts[index].length;
    return prompts[index].text;
}

int portal_ssh_prompt_echo(const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts, int index) {
    return prompts[index].echo != 0;
}

int portal_ssh_prompt_answer(LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, int index, const void *bytes, size_t count) {
    // The session was made without an allocator of its own, so libssh2 frees with free().
    void *copy = malloc(count + 1);
    if (copy == NULL) return -1;
    if (count > 0) memcpy(copy, bytes, count);
    responses[index].text = copy;
    responses[index].length = (unsigned int)count;
    return 0;
}

int portal_hmac_sha1(const void *key, size_t key_count, const void *bytes, size_t count, uint8_t *result) {
    unsigned int result_count = 0;
    return HMAC(EVP_sha1(), key, (int)key_count, bytes, count, result, &result_count) != NULL && result_count == 20 ? 0 : -1;
}

int portal_spawn(pid_t *pid, const char *path, char *const arguments[], int input, int output, int errors) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0) return rc;
    if ((rc = posix_spawnattr_init(&attributes)) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return rc;
    }
    // The three come from a caller whose own 0, 1 and 2 are open, so none of them is below 3 and no dup2 hits another's source.
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, errors, 2);

    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
#if defined(__APPLE__)
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#elif defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
#endif
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, flags);

    rc = posix_spawnp(pid, path, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

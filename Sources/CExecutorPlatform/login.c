// The user's shell, and the environment that a login with it gives. Environments here are entries one behind the other, each ended by NUL.
#include "internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT(bytes) ((const char *)(bytes))

static const char *last_component(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int is_one_of(const char *name, const char *const *names) {
    while (*names && strcmp(*names, name) != 0) names++;
    return *names != NULL;
}

void platform_shell(uint8_t *buffer, size_t capacity) {
    static const char *const closed[] = {"nologin", "false", NULL};
    uint8_t account[1024];
    const char *shell = TEXT(platform_variable((const uint8_t *)"SHELL"));
    if ((!shell || *shell != '/') && platform_account(platform_user_id(), account, sizeof account) > 0) {
        shell = TEXT(account) + strlen(TEXT(account)) + 1;
        shell += strlen(shell) + 1;
    }
    if (!shell || *shell != '/' || strlen(shell) >= capacity || is_one_of(last_component(shell), closed) || access(shell, X_OK) < 0)
        shell = "/bin/sh";
    memcpy(buffer, shell, strlen(shell) + 1);
}

// Whether two entries (or names) have one name.
static int same_name(const char *entry, const char *name) {
    while (*entry == *name && *name && *name != '=') entry++, name++;
    return (*entry == '=' || !*entry) && (*name == '=' || !*name);
}

static int changes_name(const char *changes, const char *end, const char *entry) {
    for (; changes < end; changes += strlen(changes) + 1) {
        if (same_name(entry, changes)) return 1;
    }
    return 0;
}

size_t platform_environment_change(
    const uint8_t *base, size_t base_length, const uint8_t *changes, size_t changes_length, uint8_t *result
) {
    const char *first = TEXT(changes), *end = first + changes_length;
    size_t used = 0;
    for (const char *entry = TEXT(base); entry < TEXT(base) + base_length; entry += strlen(entry) + 1) {
        if (changes_name(first, end, entry)) continue;
        memcpy(result + used, entry, strlen(entry) + 1);
        used += strlen(entry) + 1;
    }
    for (const char *entry = first; entry < end; entry += strlen(entry) + 1) {
        // The first of two equal names counts, as in every object of the protocol.
        if (!strchr(entry, '=') || changes_name(first, entry, entry)) continue;
        memcpy(result + used, entry, strlen(entry) + 1);
        used += strlen(entry) + 1;
    }
    return used;
}

const uint8_t *platform_environment_value(const uint8_t *environment, size_t length, const char *name) {
    const char *end = TEXT(environment) + length;
    for (const char *entry = TEXT(environment); entry < end; entry += strlen(entry) + 1) {
        if (same_name(entry, name)) return (const uint8_t *)entry + strlen(name) + 1;
    }
    return NULL;
}

// Writes all, and gives up where it cannot.
static void say(const void *bytes, size_t count) {
    while (count > 0) {
        int64_t written = platform_write(1, bytes, count);
        if (written <= 0) return;
        bytes = (const char *)bytes + written;
        count -= (size_t)written;
    }
}

void platform_say_environment(const uint8_t *token) {
    // NUL before the token, since nothing that start-up files print has it.
    say("", 1);
    say(token, strlen(TEXT(token)) + 1);
    const char *entry;
    for (int index = 0; (entry = TEXT(platform_environment(index))); index++) say(entry, strlen(entry) + 1);
    say(token, strlen(TEXT(token)) + 1);
}

enum { TOKEN = 16, ROOM = 1 << 20 };

static uint8_t *find(uint8_t *bytes, size_t count, const char *part, size_t length) {
    for (size_t start = 0; start + length <= count; start++) {
        if (bytes[start] == (uint8_t)part[0] && memcmp(bytes + start, part, length) == 0) return bytes + start;
    }
    return NULL;
}

// Takes what `platform_say_environment` said out of all that was printed, where all of it is there. Returns its length, or -1.
static int64_t take(uint8_t *output, size_t count, const char *token) {
    char opening[TOKEN + 2] = {0};
    memcpy(opening + 1, token, TOKEN + 1);
    uint8_t *start = find(output, count, opening, sizeof opening);
    if (!start) return -1;
    start += sizeof opening;
    uint8_t *end = find(start, count - (size_t)(start - output), token, TOKEN + 1);
    if (!end) return -1;
    memmove(output, start, (size_t)(end - start));
    return end - start;
}

// Reads what a shell prints until all of it is there. Returns the environment's length; else -1 where it ended, -2 where it took too long.
static int64_t capture(
    const struct platform_spawn *spawn, const char *line, const char *token, uint64_t milliseconds, uint8_t *output, const int32_t *gave_up
) {
    uint64_t deadline = platform_clock() + milliseconds * 1000000u;
    // Start-up files may read input, or replace the shell by one that does: for those the line is there too, and then the end.
    platform_write(spawn->input_descriptor, line, strlen(line));
    platform_write(spawn->input_descriptor, "\n", 1);
    platform_close(spawn->input_descriptor);
    int64_t length = -1;
    size_t filled = 0;
    while (length < 0 && filled < ROOM) {
        uint64_t now = platform_clock();
        length = -2;
        if (now >= deadline || platform_flag_read(gave_up)) break;
        length = -1;
        if (!platform_wait_ready(spawn->output_descriptor, PLATFORM_READABLE, (int32_t)((deadline - now) / 1000000u) + 1)) continue;
        int64_t count = platform_read(spawn->output_descriptor, output + filled, ROOM - filled);
        if (count <= 0) break;
        filled += (size_t)count;
        length = take(output, filled, token);
    }
    platform_close(spawn->output_descriptor);
    return length;
}

int64_t platform_login_environment(
    const uint8_t *login, const uint8_t *own, size_t own_length, const uint8_t *marker, const uint8_t *prefix, uint32_t number,
    const int32_t *gave_up, uint8_t **result
) {
    static const char *const interactive[] = {"bash", "zsh", "fish", "ksh", "mksh", NULL}, *const input_only[] = {"csh", "tcsh", NULL};
    static const char call[] = "exec \"$PORTAL_EXECUTOR\" environment ", variable[] = "PORTAL_EXECUTOR=";
    static const char removed[] = "PORTAL_EXECUTOR\0PORTAL_PROCESS\0PWD\0OLDPWD\0SHLVL\0_\0TERM";
    const char *shell = TEXT(login), *kind = last_component(shell);
    uint8_t random[TOKEN / 2];
    char token[TOKEN + 1] = {0}, line[sizeof call + TOKEN], arguments[4096 + 128], changes[4096 + 256];
    if (strlen(shell) > 4096 || platform_random(random, sizeof random) < 0) return -3;
    for (int index = 0; index < TOKEN; index++) token[index] = "0123456789abcdef"[random[index / 2] >> (index % 2 * 4) & 15];
    memcpy(line, call, sizeof call);
    memcpy(line + sizeof call - 1, token, TOKEN + 1);

    memcpy(changes, variable, sizeof variable);
    size_t used = sizeof variable - 1;
    ssize_t length = readlink("/proc/self/exe", changes + used, 4095);
    if (length > 0) changes[used + (size_t)length] = 0;
    // By way of the running program where its file was replaced.
    if (length <= 0 || access(changes + used, X_OK) < 0) platform_number_path(changes + used, "/proc/", (unsigned long)getpid(), "/exe");
    used += strlen(changes + used) + 1;
    memcpy(changes + used, marker, strlen(TEXT(marker)) + 1);
    used += strlen(changes + used) + 1;

    uint8_t *environment = malloc(own_length + used), *output = malloc(ROOM);
    int64_t taken = -3;
    for (int attempt = 0; environment && output && attempt < 2; attempt++) {
        int is_interactive = attempt == 0 && is_one_of(kind, interactive);
        char *next = arguments;
        // A csh takes nothing beside -l, and reads its input.
        const char *words[] = {shell, "-l", is_interactive ? "-i" : "-c", is_interactive ? "-c" : line, line};
        int count = is_one_of(kind, input_only) ? 2 : is_interactive ? 5 : 4;
        for (int index = 0; index < count; index++) next = stpcpy(next, words[index]) + 1;
        size_t length = platform_environment_change(own, own_length, (const uint8_t *)changes, used, environment);
        struct platform_spawn spawn = {.input = 1, .merge = 1};
        taken = -3;
        if (platform_spawn(
                &spawn, login, (const uint8_t *)arguments, (size_t)(next - arguments), environment, length, (const uint8_t *)"/",
                (const uint8_t *)"")
            < 0)
            break;
        taken = capture(&spawn, line, token, attempt == 0 ? 5000 : 2000, output, gave_up);
        // What start-up files leave running is theirs; where they did not come to their end, it is in the way.
        struct platform_tree tree = {spawn.process, number, SIGKILL, taken < 0};
        for (int round = 0; round < 100 && tree.living; round++) {
            platform_trees_signal(&tree, 1, prefix);
            platform_wait_ready(-1, 0, 1);
        }
        if (taken >= 0 || !is_interactive || platform_flag_read(gave_up)) break;
    }
    if (taken >= 0) {
        size_t names = platform_environment_value(own, own_length, "TERM") ? sizeof removed - 5 : sizeof removed;
        memcpy(changes, removed, names);
        uint8_t *entries = malloc((size_t)taken + 1);
        if (entries) taken = (int64_t)platform_environment_change(output, (size_t)taken, (const uint8_t *)changes, names, entries);
        else taken = -3;
        *result = entries;
    }
    free(output);
    free(environment);
    return taken;
}

void platform_free(void *memory) { free(memory); }

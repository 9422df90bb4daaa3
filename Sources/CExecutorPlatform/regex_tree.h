// A regular expression that was read, between its text and its instructions.
#ifndef REGEX_TREE_H
#define REGEX_TREE_H

#include "regex.h"

enum kind { node_empty, node_set, node_place, node_sequence, node_choice, node_loop };
enum { unbounded = -1 };  // what a loop has at most
struct node {
    uint8_t kind, place;
    uint16_t height;      // of the parts that are reached by a call, and not by a loop
    int32_t a, b;         // parts
    int32_t least, most;  // of a loop; for a set, where its bounds are and how many
};

struct parser {
    const uint8_t *start, *at, *end;
    int ignores_case, depth;
    const char *error;
    struct node *nodes;
    int32_t node_count, node_room;
    uint32_t *bounds;
    int32_t bound_count, bound_room;
    struct platform_regex *regex;
    uint32_t code_room;
};

// Notes the first mistake; everything that is done with the parser afterwards ends soon. Returns 0.
int32_t regex_fail(struct parser *parser, const char *error);
// Memory for twice as many of a size, or for the first ones.
void *regex_grown(struct parser *parser, void *old, int32_t *room, size_t size);

uint16_t regex_emit(struct parser *parser, struct instruction instruction);
// Makes the instructions of a part that go on at `next`; returns the first one.
uint16_t regex_compile(struct parser *parser, int32_t number, uint16_t next);
// Finds the bytes that no instruction tells apart.
void regex_count_classes(struct platform_regex *regex);
// Finds a text that is in every match.
void regex_find_literal(struct parser *parser, int32_t root);

#endif

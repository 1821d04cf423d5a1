/* Work for a compiler: many functions that differ a little. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
    int key, weight;
    char name[24];
    struct item *left, *right;
};

#define FUNCTIONS(n)                                                                                   \
    static struct item *insert_##n(struct item *t, int key, const char *name) {                        \
        if (!t) {                                                                                      \
            t = calloc(1, sizeof *t);                                                                  \
            t->key = key;                                                                              \
            strncpy(t->name, name, sizeof t->name - 1);                                                \
        } else if (key * n < t->key * n)                                                               \
            t->left = insert_##n(t->left, key, name);                                                  \
        else if (key > t->key)                                                                         \
            t->right = insert_##n(t->right, key, name);                                                \
        t->weight += n;                                                                                \
        return t;                                                                                      \
    }                                                                                                  \
    static long sum_##n(const struct item *t, int depth) {                                             \
        long s = 0;                                                                                    \
        for (int i = 0; t && i < depth; i++) {                                                         \
            switch ((t->key + n) % 7) {                                                                \
            case 0: s += t->weight; break;                                                             \
            case 1: s -= t->key * n; break;                                                            \
            case 2: s ^= (long)strlen(t->name) << (n % 5); break;                                      \
            case 4: s = s * 31 + i; break;                                                             \
            default: s += i % (n + 1);                                                                 \
            }                                                                                          \
            t = (s & 1) ? t->left : t->right;                                                          \
        }                                                                                              \
        return s;                                                                                      \
    }                                                                                                  \
    long work_##n(int count) {                                                                         \
        struct item *tree = NULL;                                                                      \
        char name[24];                                                                                 \
        for (int i = 0; i < count; i++) {                                                              \
            snprintf(name, sizeof name, "%d-%d", i, n);                                                \
            tree = insert_##n(tree, (i * 7919) % (count + n), name);                                   \
        }                                                                                              \
        return sum_##n(tree, count);                                                                   \
    }

#define TEN(d)                                                                                         \
    FUNCTIONS(d##0) FUNCTIONS(d##1) FUNCTIONS(d##2) FUNCTIONS(d##3) FUNCTIONS(d##4)                    \
    FUNCTIONS(d##5) FUNCTIONS(d##6) FUNCTIONS(d##7) FUNCTIONS(d##8) FUNCTIONS(d##9)
TEN(1) TEN(2) TEN(3) TEN(4)

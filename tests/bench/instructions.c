// A plugin for qemu that counts the instructions a program runs from its function `counted` on, those of each function by themselves, and
// prints them at the end, a function a line. `tests/bench/instructions` compiles it.
//
// qemu knows the program's functions only while it logs: give it `-d plugin`.

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS_MAX 32768

// Of qemu's qemu-plugin.h, which Debian does not package.
extern void *qemu_plugin_tb_get_insn(const void *block, size_t at);
extern const char *qemu_plugin_insn_symbol(const void *instruction);
extern size_t qemu_plugin_tb_n_insns(const void *block);
extern void qemu_plugin_register_atexit_cb(uint64_t id, void (*call)(uint64_t id, void *data), void *data);
extern void qemu_plugin_register_vcpu_tb_exec_cb(void *block, void (*call)(unsigned cpu, void *data), int registers, void *data);
extern void qemu_plugin_register_vcpu_tb_exec_inline(void *block, int add, uint64_t *to, uint64_t number);
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*call)(uint64_t id, void *block));

int qemu_plugin_version = 1;

// qemu has one string for each function.
static struct {
    const char *name;
    uint64_t instructions;
} functions[FUNCTIONS_MAX];
static size_t known;
static int begun;

static void begin(unsigned cpu, void *data) {
    (void)cpu, (void)data;
    begun = 1;
    for (size_t at = 0; at < known; at++)
        functions[at].instructions = 0;
}

static void translate(uint64_t id, void *block) {
    (void)id;
    const char *name = qemu_plugin_insn_symbol(qemu_plugin_tb_get_insn(block, 0));
    size_t at = 0;
    while (at < known && functions[at].name != name)
        at++;
    if (at == FUNCTIONS_MAX) {
        fputs("more functions than FUNCTIONS_MAX of instructions.c: raise it\n", stderr);
        exit(1);
    }
    if (at == known)
        functions[known++].name = name;
    if (name && strstr(name, "7counted"))
        qemu_plugin_register_vcpu_tb_exec_cb(block, begin, 0, NULL);
    qemu_plugin_register_vcpu_tb_exec_inline(block, 0, &functions[at].instructions, qemu_plugin_tb_n_insns(block));
}

static void print(uint64_t id, void *data) {
    (void)id, (void)data;
    for (size_t at = 0; begun && at < known; at++)
        if (functions[at].instructions)
            printf("%" PRIu64 "\t%s\n", functions[at].instructions, functions[at].name ? functions[at].name : "?");
    fflush(stdout);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, print, NULL);
    return 0;
}

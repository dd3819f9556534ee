/* A slave on libmodbus: register n says 1000 + n and may be written, coil n is even n. `tcp PORT` or `rtu DEVICE`. */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void serve(modbus_t *bus, modbus_mapping_t *map) {
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        int got = modbus_receive(bus, query);
        if (got > 0)
            modbus_reply(bus, query, got, map);
        else if (got < 0 && errno != EMBBADCRC && errno != ETIMEDOUT)
            return;
    }
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    int tcp = strcmp(argv[1], "tcp") == 0, listening = -1;
    modbus_t *bus = tcp ? modbus_new_tcp("127.0.0.1", atoi(argv[2])) : modbus_new_rtu(argv[2], 9600, 'N', 8, 1);
    modbus_mapping_t *map = modbus_mapping_new(200, 0, 200, 200);
    if (bus == NULL || map == NULL) return 3;
    for (int n = 0; n < 200; n++) {
        map->tab_registers[n] = map->tab_input_registers[n] = 1000 + n;
        map->tab_bits[n] = n % 2 == 0;
    }
    modbus_set_slave(bus, 3);
    if (tcp) {
        if ((listening = modbus_tcp_listen(bus, 1)) < 0) return 4;
    } else if (modbus_connect(bus) < 0) {
        return 4;
    }
    puts("ready");
    fflush(stdout);
    do {
        if (tcp && modbus_tcp_accept(bus, &listening) < 0) return 5;
        serve(bus, map);
    } while (tcp);
    return 0;
}

/* Log in, subscribe, publish and receive, with nothing but the C library: session PORT BROKER_HOST BROKER_PORT */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static int line_end;
static char received[65536];
static size_t count;

static void fail(const char *wanted)
{
    fprintf(stderr, "%s did not come; received was:\n%s\n", wanted, received);
    exit(1);
}

/* Reads what comes within ten seconds. */
static void read_more(const char *wanted)
{
    struct pollfd ready = {line_end, POLLIN, 0};
    ssize_t more = -1;
    if (count + 1 < sizeof received && poll(&ready, 1, 10000) > 0)
        more = read(line_end, received + count, sizeof received - 1 - count);
    if (more <= 0)
        fail(wanted);
    count += (size_t)more;
    received[count] = '\0';
}

static char *expect(const char *wanted)
{
    char *found;
    while ((found = strstr(received, wanted)) == NULL)
        read_more(wanted);
    return found;
}

static void send_text(const char *text)
{
    size_t length = strlen(text);
    /* What came before answers nothing that comes now. */
    count = 0;
    received[0] = '\0';
    if (write(line_end, text, length) != (ssize_t)length)
        fail("room for a command");
}

static void command(const char *line, const char *wanted)
{
    send_text(line);
    expect(wanted);
}

int main(int argc, char **argv)
{
    char line[256];
    char *message;
    struct termios settings;

    if (argc != 4)
        return 2;
    line_end = open(argv[1], O_RDWR | O_NOCTTY);
    if (line_end < 0 || tcgetattr(line_end, &settings) != 0) {
        perror(argv[1]);
        return 1;
    }
    cfmakeraw(&settings);
    cfsetspeed(&settings, B115200);
    tcsetattr(line_end, TCSANOW, &settings);

    command("ATE0\r", "OK\r\n");
    snprintf(line, sizeof line, "AT+QMTOPEN=0,\"%s\",%s\r", argv[2], argv[3]);
    command(line, "+QMTOPEN: 0,0\r\n");
    command("AT+QMTCONN=0,\"c-program\"\r", "+QMTCONN: 0,0,0\r\n");
    command("AT+QMTSUB=0,1,\"bench/t\",1\r", "+QMTSUB: 0,1,0,1\r\n");
    command("AT+QMTPUB=0,2,1,0,\"bench/t\"\r", "> ");
    send_text("21.5\x1a");
    message = expect("+QMTRECV: ");
    while (strchr(message, '\n') == NULL)
        read_more("the end of the message");
    *strchr(message, '\r') = '\0';
    puts(message);
    command("AT+QMTDISC=0\r", "+QMTDISC: 0,0");
    return 0;
}

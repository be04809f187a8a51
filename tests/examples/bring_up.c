/* A whole bring-up as firmware does it: bring_up PORT BROKER_HOST BROKER_PORT
 *
 * Lines end in CR and LF, the registration is waited for by its own line, and whatever comes within a millisecond of an
 * OK is thrown away, as by a program that clears its buffer before it looks for the result. */

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

/* Whether one of two texts comes within 15 s. */
static char *expect(const char *wanted, const char *other)
{
    struct pollfd ready = {line_end, POLLIN, 0};
    char *found;
    while ((found = strstr(received, wanted)) == NULL && (found = strstr(received, other)) == NULL) {
        ssize_t more = -1;
        if (count + 1 < sizeof received && poll(&ready, 1, 15000) > 0)
            more = read(line_end, received + count, sizeof received - 1 - count);
        if (more <= 0) {
            fprintf(stderr, "%s did not come; received was:\n%s\n", wanted, received);
            exit(1);
        }
        count += (size_t)more;
        received[count] = '\0';
    }
    return found;
}

static void forget(void)
{
    count = 0;
    received[0] = '\0';
}

static void send_text(const char *text)
{
    forget();
    if (write(line_end, text, strlen(text)) < 0)
        exit(1);
}

static int command(const char *line)
{
    int done;
    send_text(line);
    done = strncmp(expect("\r\nOK\r\n", "ERROR"), "\r\nOK", 4) == 0;
    usleep(1000);
    tcflush(line_end, TCIFLUSH);
    forget();
    return done;
}

int main(int argc, char **argv)
{
    char line[256];
    char *message;
    struct termios settings;

    if (argc != 4 || (line_end = open(argv[1], O_RDWR | O_NOCTTY)) < 0 || tcgetattr(line_end, &settings) != 0)
        return 2;
    cfmakeraw(&settings);
    tcsetattr(line_end, TCSANOW, &settings);
    expect("RDY\r\n", "Neul\r\n");
    usleep(200000);
    command("ATE0\r\n");
    if (command("AT+CREG=1\r\n"))
        expect("+CREG: 1", "+CREG: 5");
    else if (command("AT+CEREG=1\r\n"))
        expect("+CEREG:1", "+CEREG: 1");
    send_text("AT+COPS?\r\n");
    message = expect("+COPS", "ERROR");
    expect("OK\r\n", "OK\r\n");
    printf("%.5s\n", message);
    snprintf(line, sizeof line, "AT+QMTOPEN=0,\"%s\",%s\r\n", argv[2], argv[3]);
    command(line);
    expect("+QMTOPEN: 0,0", "+QMTOPEN: 0,0");
    command("AT+QMTCONN=0,\"bring-up\"\r\n");
    expect("+QMTCONN: 0,0,0", "+QMTCONN: 0,0,0");
    command("AT+QMTSUB=0,1,\"bench/t\",1\r\n");
    expect("+QMTSUB: 0,1,0,1", "+QMTSUB: 0,1,0,1");
    send_text("AT+QMTPUB=0,2,1,0,\"bench/t\"\r\n");
    expect("> ", "> ");
    send_text("21.5\x1a");
    message = expect("+QMTRECV: ", "+QMTRECV: ");
    expect("21.5", "21.5");
    printf("%.13s\n", message);
    return 0;
}

#!/bin/sh
# A whole bring-up with the shell alone: bring_up.sh PORT BROKER_HOST BROKER_PORT
# Lines end in CR and LF; what comes within a millisecond of the answer to a command is lost.

port=$1 host=$2 number=$3
stty -F "$port" raw -echo
exec 3<>"$port"

expect() {
    while IFS= read -r line <&3; do
        line=$(printf '%s' "$line" | tr -d '\r')
        case $line in
        $1) printf '%s\n' "$line"; return ;;
        *ERROR*) break ;;
        esac
    done
    echo "$1 did not come: $line" >&2
    exit 1
}

command() {
    printf '%s\r\n' "$1" >&3
    expect OK >/dev/null || exit 1
    sleep 0.001
}

expect RDY >/dev/null
sleep 0.2
command ATE0
command AT+CREG=1
expect '+CREG: [15]*' >/dev/null || exit 1
printf 'AT+COPS?\r\n' >&3
expect '+COPS*' || exit 1
expect OK >/dev/null || exit 1
command "AT+QMTOPEN=0,\"$host\",$number"
expect '+QMTOPEN: 0,0' >/dev/null || exit 1
command 'AT+QMTCONN=0,"bring-up"'
expect '+QMTCONN: 0,0,0' >/dev/null || exit 1
command 'AT+QMTSUB=0,1,"bench/t",1'
expect '+QMTSUB: 0,1,0,1' >/dev/null || exit 1
printf 'AT+QMTPUB=0,2,1,0,"bench/t"\r\n' >&3
sleep 0.5
printf '21.5\032' >&3
expect '+QMTRECV: 0,*' || exit 1

"""A suite for any bench: it names no place, no port and no broker."""

import pytest


def test_a_message_comes_back(modem_mqtt, modem_topic):
    modem_mqtt.subscribe(modem_topic, qos=1)
    modem_mqtt.publish(modem_topic, b"21.5", qos=1)
    assert modem_mqtt.receive(timeout=30).payload == b"21.5"


def test_the_strategy_opens_the_modem(strategy, modem):
    strategy.transition("attached")
    assert modem.registration() in {1, 5}
    strategy.transition("connected")
    assert modem.mqtt().state == "connected"
    strategy.transition("ready")
    assert modem.mqtt().state == "closed"


def test_the_steps_of_the_driver_are_in_labgrids_log(strategy, target):
    strategy.transition("connected")
    driver = target.get_driver("ModemMqttDriver")
    driver.subscribe("bench/steps", 1)
    driver.publish("bench/steps", b"on", 1)
    assert driver.wait_message(timeout=30).payload == b"on"
    assert driver.command("AT+CSQ").final == "OK"


@pytest.mark.modem_feature("tls")
@pytest.mark.lg_feature("roof")
def test_on_the_roof(modem):
    assert modem.signal() > -80


@pytest.mark.modem_fault("lost-result=1")
def test_a_lost_result_is_no_failure(modem_mqtt, modem_topic):
    with pytest.raises(TimeoutError):
        modem_mqtt.publish(modem_topic, b"21.5", qos=1, timeout=0.5)

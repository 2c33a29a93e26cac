package outbox_test

func childIfAsked() {}

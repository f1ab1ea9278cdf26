// A program whose first thread ends while another one goes on, as after pthread_exit(3) in main().
#include <pthread.h>
#include <unistd.h>

static void *wait_for_ever(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

int main(void)
{
	pthread_t other;

	if (pthread_create(&other, NULL, wait_for_ever, NULL) != 0)
		return 1;
	pthread_exit(NULL);
}

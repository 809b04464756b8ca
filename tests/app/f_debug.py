import faulthandler, signal
from celery import signals
@signals.worker_process_init.connect(weak=False)
def go(**_):
    faulthandler.register(signal.SIGUSR2, file=open("/tmp/f_fault.log","a"), all_threads=True)

package io.github.airflow_enel;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Creates daemon threads: a driver that never stops its context must still be able to exit. */
final class Threads {
    private Threads() {}

    static Thread start(String name, Runnable work) {
        Thread thread = daemon(name, work);
        thread.start();
        return thread;
    }

    /** @param waiting how much may wait for a thread before more is rejected; 0 = no limit */
    static ThreadPoolExecutor pool(String name, int threads, int waiting) {
        BlockingQueue<Runnable> queue =
                waiting == 0 ? new LinkedBlockingQueue<>() : new ArrayBlockingQueue<>(waiting);
        ThreadFactory factory = work -> daemon(name, work);
        ThreadPoolExecutor pool =
                new ThreadPoolExecutor(threads, threads, 30, TimeUnit.SECONDS, queue, factory);
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    private static Thread daemon(String name, Runnable work) {
        Thread thread = new Thread(work, "enel-agent-" + name);
        thread.setDaemon(true);
        return thread;
    }
}

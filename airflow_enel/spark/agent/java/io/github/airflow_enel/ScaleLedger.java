package io.github.airflow_enel;

/**
 * Decides by compare-and-set on (try number, epoch) which requests may still be applied.
 *
 * <p>An older try is a process that should no longer be there, so nothing it says counts; the
 * newest try is whoever was heard of, even if its request was refused.
 */
final class ScaleLedger {
    private int newestTry = -1;
    private ScaleRequest last;

    /** Why a try must not be heard, or null if it may be; from then on older ones are not. */
    synchronized String objection(int tryNumber) {
        if (tryNumber < newestTry) {
            return "try " + newestTry + " is in charge, not try " + tryNumber;
        }
        newestTry = tryNumber;
        return null;
    }

    /** Why a request must not be applied, or null if it may be. */
    String objection(ScaleRequest request) {
        String objection = objection(request.tryNumber);
        if (objection != null) {
            return objection;
        }
        if (last == null || request.epoch > last.epoch || repeats(request)) {
            return null;
        }
        return "epoch " + last.epoch + " was decided already: " + last.executors + " executors";
    }

    /** True if it asks for what was accepted last. */
    boolean repeats(ScaleRequest request) {
        return last != null
                && request.epoch == last.epoch
                && request.executors == last.executors;
    }

    void accept(ScaleRequest request) {
        last = request;
    }

    /** The last accepted request, or null. */
    ScaleRequest last() {
        return last;
    }
}

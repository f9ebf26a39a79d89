package io.github.airflow_enel;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Checks the bearer token of a request against the configured SHA-256; refuses all without it. */
final class TokenCheck {
    private static final String SCHEME = "Bearer ";

    private final byte[] expected;

    TokenCheck(byte[] sha256) {
        expected = sha256;
    }

    /** @param authorization the header's value, may be null */
    boolean passes(String authorization) {
        if (expected == null || authorization == null || !authorization.startsWith(SCHEME)) {
            return false;
        }
        String token = authorization.substring(SCHEME.length());
        return MessageDigest.isEqual(sha256(token), expected);
    }

    private static byte[] sha256(String text) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return digest.digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}

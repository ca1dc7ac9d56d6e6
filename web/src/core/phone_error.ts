/** Why the phone did not do what it was asked to. */
export type PhoneErrorCode =
    | "no_number" | "not_registered" | "not_connected" | "already_dialling" | "no_such_call" | "wrong_state"
    | "microphone_denied" | "microphone_busy" | "refused_by_other";

export class PhoneError extends Error {
    override readonly name = "PhoneError";

    readonly code: PhoneErrorCode;

    constructor(code: PhoneErrorCode, options?: ErrorOptions) {
        super(code, options);
        this.code = code;
    }
}
